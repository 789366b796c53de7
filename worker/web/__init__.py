"""The HTTP door, `rollcall web`: callbacks come in, health and metrics go out.

Only `/callbacks/` is for providers. What stands in front of it (a proxy, a tunnel) should pass on nothing else.
"""
