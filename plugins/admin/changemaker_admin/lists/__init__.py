"""List screens: declared by plugins, shown here.

``screen`` and ``declarations`` are what a plugin writes, and ``checks`` finds what is wrong with
it. ``state`` reads what the address of a page says, ``reading`` the rows, and ``pages`` shows them.
"""
