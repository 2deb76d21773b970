// What a page can try, from the origin that it has, against the servers that it is told of. Each attempt ends with what
// the page got to know: `blocked`, `opaque`, `status 403`, or, if the door leaks, what it could read.

// How long an attempt may take on a busy machine; none of them waits for this.
const TIME = 20000;
const RPC = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "relay_reply", arguments: { text: "forged" } } });

function within(promise) {
  return Promise.race([promise, new Promise((done) => setTimeout(() => done("nothing"), TIME))]);
}

async function fetched(url, options) {
  try {
    const answer = await fetch(url, options);
    if (answer.type === "opaque" || answer.type === "opaqueredirect") return "opaque";
    const text = await answer.text();
    return answer.status === 403 ? "status 403" : `read ${answer.status} ${text}`;
  } catch (error) {
    return "blocked";
  }
}

function events(url) {
  return new Promise((done) => {
    const source = new EventSource(url);
    source.onopen = () => done("read a stream");
    source.onerror = () => { source.close(); done("blocked"); };
  });
}

function socket(url) {
  return new Promise((done) => {
    try {
      const socket = new WebSocket(url.replace("http:", "ws:"));
      socket.onopen = () => done("read a socket");
      socket.onerror = () => done("blocked");
    } catch (error) {
      done("blocked");
    }
  });
}

function form(url, type) {
  return new Promise((done) => {
    const frame = document.createElement("iframe");
    frame.name = `frame${Math.random()}`;
    document.body.append(frame);
    const form = document.createElement("form");
    Object.assign(form, { action: url, method: "POST", enctype: type, target: frame.name });
    const field = document.createElement("input");
    // With text/plain this is a JSON text: the name, an equals sign, the value.
    Object.assign(field, { name: RPC.slice(0, -1) + ',"x":"', value: '"}' });
    form.append(field);
    document.body.append(form);
    frame.onload = () => {
      try {
        const page = frame.contentDocument;
        if (!page) return done("opaque");
        if (page.URL === "about:blank") return;
        done(page.body.innerText.includes("not served here") ? "status 403" : `read ${page.body.innerText}`);
      } catch (error) {
        done("opaque");
      }
    };
    form.submit();
  });
}

function image(url) {
  return new Promise((done) => {
    const image = new Image();
    image.onload = () => done("read an image");
    image.onerror = () => done("blocked");
    image.src = url;
  });
}

function script(url) {
  return new Promise((done) => {
    const script = document.createElement("script");
    script.onload = () => done("read a script");
    script.onerror = () => done("blocked");
    script.src = url;
    document.head.append(script);
  });
}

async function attack({ url, secret }) {
  const json = { "content-type": "application/json" };
  const bearer = { ...json, authorization: `Bearer ${secret}` };
  const leaked = `${url}?token=${secret}&access_token=${secret}`;
  const user = url.replace("http://", `http://bearer:${secret}@`);
  const attempts = {
    "simple POST": fetched(url, { method: "POST", body: RPC }),
    "simple POST without cors": fetched(url, { method: "POST", mode: "no-cors", body: RPC }),
    "POST of JSON": fetched(url, { method: "POST", headers: json, body: RPC }),
    "POST with the secret": fetched(url, { method: "POST", headers: bearer, body: RPC }),
    "POST with the secret, without cors": fetched(url, { method: "POST", mode: "no-cors", headers: bearer, body: RPC }),
    "POST with the secret in the URL": fetched(leaked, { method: "POST", body: RPC }),
    "POST with credentials": fetched(url, { method: "POST", credentials: "include", body: RPC }),
    "POST kept alive": fetched(url, { method: "POST", keepalive: true, body: RPC }),
    "DELETE": fetched(url, { method: "DELETE", headers: bearer }),
    "PUT": fetched(url, { method: "PUT", headers: bearer, body: RPC }),
    "GET": fetched(url, {}),
    "GET with the secret": fetched(url, { headers: { authorization: `Bearer ${secret}`, accept: "text/event-stream" } }),
    "GET with the secret in the URL, without cors": fetched(leaked, { mode: "no-cors" }),
    "user and password in the URL": fetched(user, { mode: "no-cors" }),
    "event stream": events(leaked),
    "event stream with credentials": events(user),
    "web socket": socket(url),
    "image": image(leaked),
    "script": script(leaked),
    "form": form(url, "application/x-www-form-urlencoded"),
    "form of JSON": form(leaked, "text/plain"),
    "form with a file": form(url, "multipart/form-data"),
    "beacon": Promise.resolve(navigator.sendBeacon(url, RPC) ? "opaque" : "blocked"),
  };
  const results = {};
  for (const [name, attempt] of Object.entries(attempts)) results[name] = await within(attempt);
  return results;
}

// Told where to go once the proxy is there, the page tells what it got to know.
async function main(reporter) {
  const told = await (await fetch(`${reporter}/go`, { method: "POST", body: location.origin })).json();
  const results = [];
  for (const target of told.targets) results.push({ url: target.url, attempts: await attack(target) });
  await fetch(`${reporter}/report`, { method: "POST", body: JSON.stringify({ origin: location.origin, results }) });
}
