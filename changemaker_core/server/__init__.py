"""The processes of ``changemaker serve``, in the order in which a start goes through them.

``cli/serve.py`` opens the socket (``listening``) and runs the ``supervisor``. For each ``child`` it
starts ``python -m changemaker_core.server.process`` with a ``spec``. That ``process`` loads the
site (``loading``), and serves it (``web``, ``uvicorn_bridge``) or runs its jobs.
"""
