// The page: starts all parts.
import { byId, FACTS, readAddress, say, settings, startWorkers, writeAddress } from "./common.mjs";
import { repaint, showExample, showFirst, showMeans, startDrawing } from "./draw.mjs";
import { busy, startDevice, startPaper, startUseful } from "./experiments.mjs";

const shows = [startDrawing(), startPaper(), startUseful(), startDevice()];

function applyTheme() {
  byId("theme").value = settings.theme;
  if (settings.theme === "auto") {
    delete document.documentElement.dataset.theme;
  } else {
    document.documentElement.dataset.theme = settings.theme;
  }
}

function follow() {
  const section = readAddress();
  applyTheme();
  shows.forEach((show) => show());
  if (["draw", "paper", "useful", "device"].includes(section)) {
    byId(section).scrollIntoView();
  }
}

byId("theme").addEventListener("change", ({ target }) => {
  settings.theme = target.value;
  writeAddress();
  applyTheme();
  repaint();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
document.querySelectorAll("nav a").forEach((link) =>
  link.addEventListener("click", (event) => {
    event.preventDefault();
    const section = byId(link.hash.slice(1));
    writeAddress(section.id);
    section.scrollIntoView();
    section.querySelector("h2").tabIndex = -1;
    section.querySelector("h2").focus({ preventScroll: true });
  }));
addEventListener("hashchange", () => {
  const { example } = settings;
  follow();
  if (settings.example !== example) { // else what was drawn stays
    showExample();
  }
});
const notify = (key, { message }) => {
  byId("notice").hidden = false;
  byId("notice").textContent = say(key, { reason: message });
};
addEventListener("unhandledrejection", ({ reason }) => notify("broken", reason));
byId("version").textContent = say("foot.version", { version: FACTS.version });

follow();
startWorkers().then(
  () => {
    byId("notice").hidden = true;
    busy(false);
    showMeans();
    showFirst();
    document.documentElement.dataset.ready = "1";
  },
  (error) => notify("failed", error),
);
