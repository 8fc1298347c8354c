"""
What completes command lines in a shell, made of the options.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from jetjstp.cli.describing import OptionText
from jetjstp.cli.options import ToolOptions

__all__ = ["SHELLS", "completionScript"]

SHELLS = ("bash", "zsh")


def completionScript(shell: str, program: ToolOptions, commands: Sequence[ToolOptions]) -> str:
    """
    The script for a shell.

    @param shell: One of L{SHELLS}.
    """
    return _bash(program, commands) if shell == "bash" else _zsh(program, commands)


def _nameOf(command: ToolOptions) -> str:
    return command.commandName.rpartition(" ")[2]


def _operandsOf(command: ToolOptions) -> str:
    """What its arguments are: C{paths} on the bus, C{files}, words with C{|} between, or nothing that is known."""
    first = command.synopsis.partition(" ")[0]
    if first.startswith(("PATH", "[PREFIX")):
        return "paths"
    if first == "FILE":
        return "files"
    return first if re.fullmatch(r"[a-z]+(\|[a-z]+)+", first) else ""


def _words(option: OptionText) -> list[str]:
    return [f"--{option.long}", *([f"-{option.short}"] if option.short else [])]


# --- bash

_BASH = r"""# bash completion for @PROGRAM@: source <(@PROGRAM@ --completion bash)

_@PROGRAM@_paths() {
    local IFS=$'\n' path line=${COMP_LINE:0:COMP_POINT} word before
    # A colon ends a word for bash, and not for us: only what is behind the last one is completed.
    word=${line##*[[:space:]]}
    before=${word%"${word##*:}"}
    COMPREPLY=()
    # What the daemon knows, if it answers at once and without a login.
    while read -r path; do
        path=$(printf %q "$path")
        COMPREPLY+=("${path#"$before"}")
    done < <(@PROGRAM@ --timeout 1 --quiet ls --paths -- "$word" 2>/dev/null | head -n 200)
    compopt -o nospace 2>/dev/null
}

_@PROGRAM@() {
    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command= at
    COMPREPLY=()
    for ((at = 1; at < COMP_CWORD; at++)); do
        case ${COMP_WORDS[at]} in
            @COMMANDS@) command=${COMP_WORDS[at]}; break ;;
            @WITHVALUE@) ((at++)) ;;
        esac
    done
    case $command$before in
@VALUES@
    esac
    if [[ $current == -* ]]; then
        case $command in
@OPTIONS@
        esac
        return
    fi
    case $command in
@OPERANDS@
    esac
}

complete -F _@PROGRAM@ @PROGRAM@
"""


def _bash(program: ToolOptions, commands: Sequence[ToolOptions]) -> str:
    values: list[str] = []
    options: list[str] = []
    operands: list[str] = []
    names = [_nameOf(command) for command in commands]
    for command, name in [(program, ""), *zip(commands, names, strict=True)]:
        described = command.describe()
        words = " ".join(word for option in described for word in _words(option))
        options.append(f'            {name or _EMPTY}) COMPREPLY=($(compgen -W {_quoted(words)} -- "$current")) ;;')
        for option in described:
            if option.metavar is not None:
                pattern = "|".join(f"{name}{word}" for word in _words(option))
                values.append(f"        {pattern}) {_bashValue(option)}return ;;")
        operands.append(f"        {name or _EMPTY}) {_bashOperands(command, names if command is program else [])} ;;")
    shared = [word for option in program.describe() if option.metavar is not None for word in _words(option)]
    script = _BASH.replace("@PROGRAM@", program.commandName).replace("@COMMANDS@", "|".join(names))
    script = script.replace("@WITHVALUE@", "|".join(shared)).replace("@VALUES@", "\n".join(values))
    return script.replace("@OPTIONS@", "\n".join(options)).replace("@OPERANDS@", "\n".join(operands))


_EMPTY = "''"


def _bashValue(option: OptionText) -> str:
    if option.choices:
        return f'COMPREPLY=($(compgen -W {_quoted(" ".join(option.choices))} -- "$current")); '
    if option.completes == "file":
        return 'COMPREPLY=($(compgen -f -- "$current")); compopt -o filenames 2>/dev/null; '
    return ""


def _bashOperands(command: ToolOptions, names: list[str]) -> str:
    if names:
        return f'COMPREPLY=($(compgen -W {_quoted(" ".join(names))} -- "$current"))'
    kind = _operandsOf(command)
    if kind == "paths":
        return f"_{command.commandName.partition(' ')[0]}_paths"
    if kind == "files":
        return 'COMPREPLY=($(compgen -f -- "$current")); compopt -o filenames 2>/dev/null'
    if kind:
        return f'COMPREPLY=($(compgen -W {_quoted(kind.replace("|", " "))} -- "$current"))'
    return ":"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", r"'\''") + "'"


# --- zsh

_ZSH = r"""#compdef @PROGRAM@
# zsh completion for @PROGRAM@: @PROGRAM@ --completion zsh > a folder of your $fpath, as _@PROGRAM@

_@PROGRAM@_paths() {
    local -a paths
    # What the daemon knows, if it answers at once and without a login.
    paths=(${(f)"$(@PROGRAM@ --timeout 1 --quiet ls --paths -- "$PREFIX" 2>/dev/null | head -n 200)"})
    compadd -S '' -a paths
}

_@PROGRAM@() {
    local context state line
    typeset -A opt_args
    _arguments -C \
@PROGRAMOPTIONS@
        '1:command:->command' \
        '*::argument:->arguments'
    case $state in
        command)
            local -a commands
            commands=(
@COMMANDS@
            )
            _describe command commands
            ;;
        arguments)
            case $line[1] in
@ARGUMENTS@
            esac
            ;;
    esac
}

if [ "$funcstack[1]" = _@PROGRAM@ ]; then
    _@PROGRAM@ "$@"
else
    compdef _@PROGRAM@ @PROGRAM@
fi
"""


def _zsh(program: ToolOptions, commands: Sequence[ToolOptions]) -> str:
    named = [f"                {_quoted(_nameOf(each) + ':' + _zshText(each.summary, ':'))}" for each in commands]
    arguments: list[str] = []
    for command in commands:
        arguments.append(f"                {_nameOf(command)})")
        specs = [*_zshOptions(command.describe(), 24), *_zshOperands(command)]
        arguments.append("                    _arguments \\\n" + " \\\n".join(specs))
        arguments.append("                    ;;")
    script = _ZSH.replace("@PROGRAM@", program.commandName).replace("@COMMANDS@", "\n".join(named))
    script = script.replace(
        "@PROGRAMOPTIONS@", "".join(f"{each} \\\n" for each in _zshOptions(program.describe(), 8))[:-1]
    )
    return script.replace("@ARGUMENTS@", "\n".join(arguments))


def _zshOptions(options: Sequence[OptionText], indent: int) -> list[str]:
    specs = []
    for option in options:
        words = _words(option)
        text = f"[{_zshText(option.text, '[]')}]"
        if option.metavar is not None:
            text += f":{_zshText(option.metavar, ':') if not option.choices else option.long}:{_zshValue(option)}"
        exclusive = f"({' '.join(words)})" if len(words) > 1 else ""
        # Those that may be given several times are not told apart: it does no harm to offer one again.
        specs += [" " * indent + _quoted(f"{exclusive}{word}{text}") for word in words]
    return specs


def _zshValue(option: OptionText) -> str:
    if option.choices:
        return f"({' '.join(option.choices)})"
    return "_files" if option.completes == "file" else " "


def _zshOperands(command: ToolOptions) -> list[str]:
    kind = _operandsOf(command)
    if kind == "paths":
        action = f"_{command.commandName.partition(' ')[0]}_paths"
        where = "*" if "PATH..." in command.synopsis else "1"
        return [" " * 24 + _quoted(f"{where}:path:{action}")]
    if kind == "files":
        return [" " * 24 + _quoted("1:file:_files")]
    return [" " * 24 + _quoted(f"1:what:({kind.replace('|', ' ')})")] if kind else []


def _zshText(text: str, special: str) -> str:
    return "".join("\\" + each if each in special + "\\" else each for each in text)
