// Where data comes from: a server that is asked, or the file that holds it all.
import {revive} from "./values.js";

export async function openSource() {
  const embedded = document.getElementById("data");
  return embedded ? new EmbeddedSource(JSON.parse(await unpack(embedded.textContent))) : new ServedSource();
}

// The text that a file holds as gzip in base64.
export async function unpack(text) {
  const packed = atob(text.trim());
  const bytes = new Uint8Array(packed.length);
  for (let i = 0; i < packed.length; i += 1) bytes[i] = packed.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

class EmbeddedSource {
  constructor(data) { this.data = data; this.live = false; this.cut = data.cut; }
  async table() { return this.data.table; }
  async run(id) { const found = this.data.runs[id]; return found ? revive(found) : null; }
  async series(id, name) { const found = this.data.series[id]?.[name]; return found ? revive(found) : null; }
  async array(id, told, index) { const found = this.data.files[id]?.[told.files[index]]; return found ? revive(found) : null; }
  address(id, file) {
    const found = this.data.files[id]?.[file];
    return typeof found === "string" ? `data:image/${file.endsWith(".jpg") ? "jpeg" : "png"};base64,${found}` : null;
  }
  listen() {}
}

class ServedSource {
  constructor() { this.live = true; this.known = new Map(); }

  async ask(path) {
    const answer = await fetch(path, { credentials: "same-origin" });
    const told = await answer.json();
    if (!answer.ok) throw new Error(told.error || `${answer.status}`);
    return told;
  }

  async table(known = "") {
    const told = await this.ask(`/api/table?${known}${location.search.replace("?", "&")}`);
    this.version = told.version;
    return told;
  }

  // All of a run, or what changes of one that goes on.
  async run(id, live = false) { return revive(await this.ask(`/api/runs/${id}${live ? "?live=1" : ""}`)); }

  async series(id, name, asked = {}) {
    const query = new URLSearchParams({ points: 2000, ...asked });
    return revive(await this.ask(`/api/runs/${id}/series/${encodeURIComponent(name)}?${query}`));
  }

  async array(id, told, index) { return revive(await this.ask(`/api/runs/${id}/array/${encodeURIComponent(told.name)}?index=${told.places ? told.places[index] : index}`)); }
  address(id, file) { return `/api/runs/${id}/files/${file.split("/").map(encodeURIComponent).join("/")}`; }

  async label(id, labels) {
    const answer = await fetch(`/api/runs/${id}/labels`, {
      method: "POST", credentials: "same-origin", headers: { "Content-Type": "application/json" }, body: JSON.stringify(labels),
    });
    const told = await answer.json();
    if (!answer.ok) throw new Error(told.error);
    return told;
  }

  // What changed since the table, and what changes. A page that nobody sees does not listen: a
  // browser has few connections to one server, and what it missed is told when it is seen again.
  listen(hear) {
    this.events?.close();
    this.events = null;
    document.onvisibilitychange = () => this.listen(hear);
    if (document.hidden) return;
    this.events = new EventSource(`/api/events?table=${this.version}`);
    this.events.onmessage = (event) => hear(JSON.parse(event.data));
  }
}
