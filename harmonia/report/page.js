"use strict";
// Draws the figures anew when they come into sight, so that they tell what is pointed at; unfolds what a link
// leads to and, for print, all.
const folds = () => [...document.querySelectorAll("details")];
const unfold = (inner) => {
  for (let at = inner; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
};
const follow = () => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  unfold(target);
  if (target.tagName === "SECTION") target.querySelector("details").open = true;
  target.scrollIntoView();
};
addEventListener("hashchange", follow);
document.querySelector("nav").addEventListener("click", (event) => {
  if (event.target.hash === location.hash) follow();
});
const all = document.getElementById("unfold");
all.hidden = false;
all.addEventListener("click", () => {
  const open = folds().some((one) => !one.open);
  for (const one of folds()) one.open = open;
  all.textContent = open ? "Fold all" : "Unfold all";
});
let folded = [];
addEventListener("beforeprint", () => {
  folded = folds().filter((one) => !one.open);
  for (const one of folded) one.open = true;
});
addEventListener("afterprint", () => {
  for (const one of folded) one.open = false;
});
const draw = async (panel) => {
  const place = panel.querySelector(".drawing > div").cloneNode();
  const spec = JSON.parse(panel.querySelector("script").textContent);
  await vegaEmbed(place, spec, { mode: "vega-lite", renderer: "svg", actions: false });
  panel.querySelector(".drawing").replaceChildren(place);
};
const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    seen.unobserve(entry.target);
    draw(entry.target);
  }
});
for (const script of document.querySelectorAll(".panel > script")) seen.observe(script.parentElement);
follow();
