// The stream of changes, and knowing when it has died. Every connection begins with the
// whole state, so nothing missed while it was away stays wrong.
import { config } from "./config.js";
import { setServerNow } from "./format.js";

const SILENCE_MS = 14000; // the server beats every 5 s
const LONGEST_PAUSE_MS = 8000;

/** Follow the server for ever; tell onState(values, whole) and onLink(status, message). */
export function follow(onState, onLink) {
  let pause = 500;
  let stream;
  let watch;
  let build;

  function heard(event, whole) {
    const message = JSON.parse(event.data);
    clearTimeout(watch);
    watch = setTimeout(lost, SILENCE_MS);
    pause = 500;
    setServerNow(message.now);
    build ??= config.build;
    if (message.build !== build) location.reload(); // the server was upgraded
    onLink(message.trouble ?? "live", message);
    onState(message.values, whole);
  }

  async function lost() {
    clearTimeout(watch);
    stream.close();
    onLink("lost");
    setTimeout(connect, pause);
    pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
    const answer = await fetch(`${config.base}/state`, { method: "GET" }).catch(() => null);
    if (answer && (answer.status === 401 || answer.redirected)) onLink("login");
  }

  function connect() {
    stream = new EventSource(`${config.base}/events`);
    stream.addEventListener("state", (event) => heard(event, true));
    stream.addEventListener("change", (event) => heard(event, false));
    stream.onerror = lost;
    watch = setTimeout(lost, SILENCE_MS);
  }

  connect();
}
