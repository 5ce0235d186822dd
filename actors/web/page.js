/** The live page: what the feed says, put where it belongs. */

import { Cluster } from "./cluster.js";
import { Details } from "./details.js";
import { followFeed } from "./feed.js";
import { formatCount } from "./format.js";
import { Sparkline } from "./sparkline.js";
import { MovingTable } from "./table.js";
import { Tree } from "./tree.js";

const tokenKey = "sensorium-token";
const element = (id) => document.getElementById(id);
const sparkline = new Sparkline(element("spark"), { floor: 0 });
const details = new Details(() => sessionStorage.getItem(tokenKey));
const cluster = new Cluster(element("cluster"), () => sessionStorage.getItem(tokenKey));
const table = new MovingTable(element("table"), (channel) => details.toggle(channel));
const tree = new Tree(element("tree"));
/** Sentences of refused shards that are shown: they are often the same one. */
const maxSentences = 3;
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
  lost: "disconnected, trying again",
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
  sparkline.push(event.ratePerSecond);
  write("rate", formatCount(event.ratePerSecond));
  write("peak", formatCount(sparkline.peak));
  write("accepted", formatCount(event.accepted));
  write("messages", formatCount(event.messages));
  write("dead-letters", formatCount(event.deadLetters));
  showShards(event.shards);
  tree.show([event.tree]);
  table.show(withOpened(event.moving));
  element("table").hidden = table.size === 0;
  element("nothing").hidden = table.size > 0;
  details.refresh();
  cluster.follow(event.shards);
}

/** What is being looked at stays, though others move more. */
function withOpened(moving) {
  const { actor } = details;
  if (actor === null || moving.some(({ kind, id }) => kind === actor.kind && id === actor.id)) return moving;
  return [...moving, actor];
}

function write(id, text) {
  if (element(id).textContent !== text) element(id).textContent = text;
}

function showShards(shards) {
  const own = shards.filter(({ state }) => state !== "elsewhere");
  const running = own.filter(({ state }) => state === "running").length;
  const elsewhere = shards.length - own.length;
  write("shards-summary", `${running} of ${own.length}${elsewhere === 0 ? "" : `, ${elsewhere} elsewhere`}`);
  const list = element("shards");
  while (list.children.length > shards.length) list.lastChild.remove();
  for (const [place, { shard, state, epoch, folded, appended, sentence }] of shards.entries()) {
    const item = list.children[place] ?? list.appendChild(document.createElement("li"));
    item.textContent = String(shard);
    item.dataset.state = state;
    const known = state === "elsewhere"
      ? "another node's"
      : `${state}, epoch ${epoch}, folded ${folded} of ${appended}`;
    item.title = sentence ?? `Shard ${shard}: ${known}`;
  }
  const sentences = new Set(shards.map(({ sentence }) => sentence).filter((sentence) => sentence !== null));
  element("refused").replaceChildren(
    ...[...sentences].slice(0, maxSentences).map((sentence) => {
      const item = document.createElement("li");
      item.textContent = sentence;
      return item;
    }),
  );
}

element("token-form").addEventListener("submit", (submitted) => {
  submitted.preventDefault();
  const token = element("token").value.trim();
  sessionStorage.setItem(tokenKey, token);
  element("token").value = "";
  follow(token);
});

follow(takeToken());
