// The WebSocket: commands out; states, answers, ticks and frames in. It reconnects by itself.

const FIRST_RETRY = 500;  // ms
const LAST_RETRY = 5000;
const SILENCE = 5000;  // ms without a message, after which the link is lost: states come every second
const CHECK = 500;  // ms between two checks of the silence

export class Connection {
  // on: {open, closed(reason), state(state), tick(tick), frame({head, bitmap, network})}
  constructor(on) {
    this.on = on;
    this.retry = FIRST_RETRY;
    this.requests = new Map();
    this.nextRequest = 1;
    this.connect();
    setInterval(() => this.checkSilence(), CHECK);
  }

  connect() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/ws`);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.on.open();
    socket.onmessage = (event) => {
      this.heard = performance.now();
      this.retry = FIRST_RETRY;
      if (typeof event.data === "string") this.readText(JSON.parse(event.data));
      else this.readFrame(event.data);
    };
    socket.onclose = (event) => this.closed(event.reason);
    this.socket = socket;
    this.heard = performance.now();  // when the last message came
  }

  // A link that is lost without a word, as out of the reach of Wi-Fi, closes no socket for minutes.
  checkSilence() {
    if (performance.now() - this.heard < SILENCE) return;
    this.socket.onopen = null;
    this.socket.onmessage = null;
    this.socket.onclose = null;
    this.socket.close();
    this.closed(`nothing came for ${SILENCE / 1000} s`);
  }

  closed(reason) {
    this.heard = Infinity;  // nothing is expected until it connects again
    for (const answer of this.requests.values()) {
      answer({ success: false, message: "the connection was lost before the answer came" });
    }
    this.requests.clear();
    this.on.closed(reason);
    setTimeout(() => this.reconnect(), this.retry);
    this.retry = Math.min(this.retry * 2, LAST_RETRY);
  }

  async reconnect() {
    try {  // a panel that was started anew wants the token again
      const signal = AbortSignal.timeout(SILENCE);
      const page = await fetch("/panel.js", { method: "HEAD", signal });
      if (page.status === 401) return location.assign("/login");
    } catch { /* it is not there yet */ }
    this.connect();
  }

  send(command) {
    const open = this.socket.readyState === WebSocket.OPEN;
    if (open) this.socket.send(JSON.stringify(command));
    return open;
  }

  // Asks for the next frame: called when the last one is on the screen.
  next() {
    this.asked = performance.now();
    this.send({ type: "next" });
  }

  // Sends a start or stop; resolves to the answer.
  request(command) {
    const request = this.nextRequest++;
    return new Promise((resolve) => {
      this.requests.set(request, resolve);
      if (this.send({ ...command, request })) return;
      this.requests.delete(request);
      resolve({ success: false, message: "not connected to the panel" });
    });
  }

  readText(message) {
    if (message.type === "state") return this.on.state(message);
    if (message.type === "tick") return this.on.tick(message);
    const resolve = this.requests.get(message.request);
    this.requests.delete(message.request);
    resolve?.(message);
  }

  // Length of the head (4 bytes, little endian), the head as JSON, the JPEG.
  async readFrame(data) {
    const arrived = performance.now();
    const length = new DataView(data).getUint32(0, true);
    const head = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length)));
    // From the request to the frame, less the panel's wait for a new image: at most what the
    // network takes. Two clocks would have to agree to measure it better.
    const network = Math.max(0, (arrived - this.asked) / 1000 - head.waited);
    try {
      const jpeg = new Blob([new Uint8Array(data, 4 + length)], { type: "image/jpeg" });
      this.on.frame({ head, bitmap: await createImageBitmap(jpeg), network, arrived });
    } catch {  // damaged: the next one may be better
      this.next();
    }
  }
}
