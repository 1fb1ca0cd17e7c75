// Keeps the list of cases fresh without moving what is being read, and sends buttons without a reload.
"use strict";

const EVERY_MS = 4000;
const list = document.getElementById("cases");
const offline = document.getElementById("offline");

async function refresh() {
  const answer = await fetch(list.dataset.source, { headers: { Accept: "application/json" } });
  if (answer.status === 401) {
    location.assign("/login?to=" + encodeURIComponent(location.pathname + location.search));
    return;
  }
  if (!answer.ok) throw new Error(String(answer.status));
  show(await answer.json());
}

function show(shown) {
  document.getElementById("summary").textContent = shown.summary;
  document.getElementById("none").hidden = shown.cards.length > 0;
  const kept = new Set(shown.cards.map((card) => `case-${card.id}`));
  for (const slot of [...list.children]) if (!kept.has(slot.id) && !busy(slot)) slot.remove();
  shown.cards.forEach((card, place) => {
    const slot = document.getElementById(`case-${card.id}`) ?? fresh(card);
    if (slot.dataset.version !== card.version && !busy(slot)) {
      slot.innerHTML = card.html;
      slot.dataset.version = card.version;
    }
    if (list.children[place] !== slot && !busy(slot)) list.insertBefore(slot, list.children[place] ?? null);
  });
}

function fresh(card) {
  const slot = document.createElement("div");
  slot.className = "slot";
  slot.id = `case-${card.id}`;
  return slot;
}

// A card in which somebody is writing stays as it is.
function busy(slot) {
  return slot.querySelector("details[open] textarea")?.value || slot.querySelector("button:disabled") !== null;
}

async function send(form) {
  const slot = form.closest(".slot");
  const button = form.querySelector("button");
  button.disabled = true;
  let said = "";
  try {
    const answer = await fetch(form.action, {
      method: "POST",
      body: new URLSearchParams(new FormData(form)),
      headers: { Accept: "application/json" },
    });
    const body = await answer.json();
    said = body.ok ? "" : body.message ?? body.detail;
    if (body.ok) slot.querySelector("details[open]")?.removeAttribute("open");
  } catch {
    said = list.dataset.network;
  }
  button.disabled = false;
  if (!said) form.reset();
  await refresh().catch(() => undefined);
  if (said) complain(slot, said);
}

function complain(slot, said) {
  slot.querySelector(".error")?.remove();
  const line = document.createElement("p");
  line.className = "error";
  line.setAttribute("role", "alert");
  line.textContent = said;
  const before = slot.querySelector(".buttons") ?? slot.querySelector(".foot");
  before.before(line);
}

function tellTime() {
  for (const time of list.querySelectorAll("time.ago")) {
    const minutes = Math.floor((Date.now() - Date.parse(time.dateTime)) / 60000);
    const [text, n] =
      minutes < 1 ? [list.dataset.agoNow, 0]
      : minutes < 60 ? [list.dataset.agoMinutes, minutes]
      : minutes < 2880 ? [list.dataset.agoHours, Math.floor(minutes / 60)]
      : [list.dataset.agoDays, Math.floor(minutes / 1440)];
    time.textContent = text.replace("{n}", n);
  }
}

async function tick() {
  if (document.visibilityState === "visible") {
    try {
      await refresh();
      offline.hidden = true;
    } catch {
      offline.hidden = false;
    }
    tellTime();
  }
  setTimeout(tick, EVERY_MS);
}

list.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!event.target.querySelector("button").disabled) send(event.target);
});
setTimeout(tick, EVERY_MS);
