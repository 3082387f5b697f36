"""uvicorn's HTTP protocol and server, extended: the only folder that uses uvicorn's insides.

It adds: cached and complete responses are written in one piece, without a task or ASGI's
messages; a head has a maximal size and time; one timer for a connection instead of one for each
response; requests are parsed one at a time; a client that does not read, or goes on sending, is
bounded; files are sent by the kernel; no request is read behind one with ``Upgrade``; and a
shutdown that resets no connection. Undocumented names that are used:

- ``HttpToolsProtocol``: the callbacks of its parser, ``on_response_complete``,
  ``send_400_response``, ``_unset_keepalive_if_required``, ``_unsupported_upgrade_warning``,
  ``timeout_keep_alive_handler`` and its state (``connections``, ``cycle``, ``expect_100_continue``,
  ``flow``, ``headers``, ``loop``, ``parser``, ``pipeline``, ``root_path``, ``scope``,
  ``server_state``, ``tasks``, ``timeout_keep_alive``, ``transport``, ``url``);
- ``RequestResponseCycle``: its constructor, ``run_asgi``, ``send`` and its state;
- ``FlowControl``: ``resume_reading``, ``pause_reading``, ``read_paused`` and ``write_paused``;
- ``Server``: ``startup``, ``main_loop``, ``on_tick``, ``handle_exit``, ``shutdown``, ``lifespan``,
  ``servers``, ``force_exit`` and ``server_state`` with its sets ``connections`` and ``tasks``.

A ``connection`` parses its requests one at a time; ``protocol`` serves each of them, and ``cycle``
is one request with its response; ``serving`` starts and stops.

``server.web`` imports this folder only for the versions it names; others run plain uvicorn.
"""

from __future__ import annotations

from changemaker_core.server.uvicorn_bridge.protocol import HttpProtocol
from changemaker_core.server.uvicorn_bridge.serving import Server

__all__ = ["HttpProtocol", "Server"]
