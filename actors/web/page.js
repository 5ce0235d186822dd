/** The live page: what the feed says, put where it belongs. */

import { followFeed } from "./feed.js";
import { formatCount } from "./format.js";
import { Sparkline } from "./sparkline.js";
import { MovingTable } from "./table.js";

const tokenKey = "sensorium-token";
const element = (id) => document.getElementById(id);
const sparkline = new Sparkline(element("spark"));
const table = new MovingTable(element("rows"));
let stopFollowing = () => {};

/** The token of the address, once, or of an earlier time in this tab. */
function takeToken() {
  const address = new URL(location.href);
  const given = address.searchParams.get("token");
  if (given !== null) {
    sessionStorage.setItem(tokenKey, given);
    // Away from the address: it would be seen, copied and kept in the history.
    address.searchParams.delete("token");
    history.replaceState(null, "", address);
  }
  return sessionStorage.getItem(tokenKey);
}

function follow(token) {
  stopFollowing();
  // A link sends no header.
  element("docs").href = token === null ? "/docs" : `/docs?token=${encodeURIComponent(token)}`;
  stopFollowing = followFeed({ token, onEvent: showEvent, onState: showState });
}

const stateTexts = {
  live: "live",
  lost: "connection lost, trying again",
  refused: "a token is needed",
};

function showState(state) {
  showStatus(state, stateTexts[state]);
  element("live").toggleAttribute("data-stale", state !== "live");
  element("token-form").hidden = state !== "refused";
  if (state === "refused") {
    sessionStorage.removeItem(tokenKey);
    element("token").focus();
  }
}

/** Only changes are written: a screen reader reads each of them aloud. */
function showStatus(state, text) {
  const status = element("state");
  status.dataset.state = state;
  if (status.textContent !== text) status.textContent = text;
}

function showEvent(event) {
  if (event.ready) showStatus("live", stateTexts.live);
  else showStatus("waiting", `not ready: ${event.waitingFor ?? "shards are being claimed"}`);
  element("rate").textContent = formatCount(event.ratePerSecond);
  sparkline.push(event.ratePerSecond);
  element("accepted").textContent = formatCount(event.accepted);
  element("messages").textContent = formatCount(event.messages);
  element("dead-letters").textContent = formatCount(event.deadLetters);
  showShards(event.shards);
  table.show(event.moving);
  element("table").hidden = table.size === 0;
  element("nothing").hidden = table.size > 0;
}

function showShards(shards) {
  const running = shards.filter(({ state }) => state === "running").length;
  element("shards-summary").textContent = `${running} of ${shards.length} running`;
  const list = element("shards");
  while (list.children.length > shards.length) list.lastChild.remove();
  for (const [place, { shard, state, epoch, folded, appended, sentence }] of shards.entries()) {
    const item = list.children[place] ?? list.appendChild(document.createElement("li"));
    item.textContent = String(shard);
    item.dataset.state = state;
    item.title = sentence ?? `${state}, epoch ${epoch}, folded ${folded} of ${appended}`;
    item.setAttribute("aria-label", `Shard ${shard}: ${item.title}`);
  }
}

element("token-form").addEventListener("submit", (submitted) => {
  submitted.preventDefault();
  const token = element("token").value.trim();
  sessionStorage.setItem(tokenKey, token);
  element("token").value = "";
  follow(token);
});

follow(takeToken());
