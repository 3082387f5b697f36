// htmx and its server-sent events, for pages whose parts are loaded or renewed by themselves. One module
// imports both: the extension is there before htmx looks at the page.
import "./vendor/htmx.esm.min.js";
import "./vendor/hx-sse.min.js";
