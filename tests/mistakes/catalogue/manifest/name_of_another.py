"""
where = "boot"
report = "The entry point calls it 'parks', the class 'parcs'"
fix = 'Use the same name'
"""

from changemaker_core import Plugin


class ParksPlugin(Plugin):  # HERE
    name = "parcs"
