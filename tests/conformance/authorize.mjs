// Loaded before the conformance runner, which has no option for headers: adds the bearer of CONFORMANCE_BEARER
// to every request. The runner sends by `fetch` and undici's `request`, and where it must spell headers itself,
// by `node:http`.
import http from "node:http";
import { createRequire } from "node:module";
import { realpathSync } from "node:fs";

const bearer = `Bearer ${process.env.CONFORMANCE_BEARER}`;

// The runner's own copy of undici: its dispatcher is the one that `fetch` uses too.
const undici = createRequire(realpathSync(process.argv[1]))("undici");
const authorize = (headers) => {
  if (headers && typeof headers[Symbol.iterator] === "function") {
    const flat = Array.isArray(headers) ? headers : [...headers].flat();
    return [...flat, "authorization", bearer];
  }
  return { ...headers, authorization: bearer };
};
undici.setGlobalDispatcher(
  undici
    .getGlobalDispatcher()
    .compose((dispatch) => (options, handler) =>
      dispatch({ ...options, headers: authorize(options.headers) }, handler),
    ),
);

const request = http.request;
http.request = (...given) => {
  const sent = request(...given);
  sent.setHeader("authorization", bearer);
  return sent;
};
