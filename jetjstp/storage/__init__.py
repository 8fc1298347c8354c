"""
Where JSTP keeps sessions whose connections are closed, one kind of storage a
module.
"""
