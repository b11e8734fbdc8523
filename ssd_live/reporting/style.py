"""The style sheet and the script of a report."""

STYLE = """
:root { color-scheme: light dark; --page: #f6f7f9; --card: #fff; --ink: #1b2029; --soft: #566074;
  --rule: #dfe3ea; --in: #1668c7; --out: #c2500b; --link: #1558b0; --empty: #e8ebf0 }
@media (prefers-color-scheme: dark) { :root { --page: #12151a; --card: #1b2027; --ink: #e9edf3;
  --soft: #a5afbf; --rule: #333b47; --in: #6cb4ff; --out: #ffa45c; --link: #8dc1ff;
  --empty: #262d37 } }
@media print { :root { color-scheme: light; --page: #fff; --card: #fff; --ink: #000;
  --soft: #444; --rule: #bbb; --in: #1668c7; --out: #c2500b; --link: #000; --empty: #eee } }
* { box-sizing: border-box }
html { -webkit-text-size-adjust: 100% }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "Helvetica Neue", sans-serif }
main { max-width: 76rem; margin: 0 auto; padding: 2rem 1.25rem 4rem }
h1, h2, h3 { line-height: 1.2; overflow-wrap: anywhere; text-wrap: balance }
h1 { font-size: 1.9rem; margin: 0 0 .3rem; letter-spacing: -.01em }
h2 { font-size: 1.45rem; margin: 3rem 0 .8rem }
h3 { font-size: 1.1rem; margin: 2.4rem 0 .6rem }
p { margin: .3rem 0 .8rem; max-width: 48rem; overflow-wrap: anywhere }
a { color: var(--link) }
.soft, figcaption, .note { color: var(--soft) }
.notes { border-left: 4px solid var(--out); background: var(--card); padding: .7rem 1rem;
  margin: 1rem 0; border-radius: 0 8px 8px 0; max-width: none }
.notes p { margin: .15rem 0; max-width: none }
.facts { display: flex; flex-wrap: wrap; gap: .3rem 1.6rem; margin: .6rem 0 0 }
.facts div { display: flex; gap: .4rem; overflow-wrap: anywhere }
.facts dt { color: var(--soft) } .facts dd { margin: 0; font-weight: 500; min-width: 0 }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(10.5rem, 1fr));
  gap: .8rem; margin: 1.4rem 0; padding: 0; list-style: none }
.tiles li { background: var(--card); border: 1px solid var(--rule); border-radius: 10px;
  padding: .8rem 1rem; min-width: 0; overflow-wrap: anywhere }
.tiles b { display: block; font-size: 1.9rem; line-height: 1.15; font-weight: 650;
  font-variant-numeric: tabular-nums }
.tiles span { color: var(--soft); font-size: .9rem }
.maps { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(26rem, 100%), 1fr));
  gap: 1.2rem }
figure { margin: 0; min-width: 0 } figcaption { font-size: .9rem; margin-top: .4rem }
.map { display: block; width: 100%; height: auto; max-height: 80vh; border-radius: 8px;
  background: #000 }
.store { position: absolute } .still { filter: saturate(.35) brightness(.8) }
.nothing { fill: #3a4250 }
.zone { fill: none; stroke-width: 2.5px; vector-effect: non-scaling-stroke }
.zone.mask { stroke-dasharray: 6 5 }
.zone.under, .way.under { stroke: #000; stroke-opacity: .65 }
.zone.under { stroke-width: 5px; stroke-dasharray: none } .way.under { stroke-width: 3.5px }
.map text { fill: #fff; stroke: #000; stroke-width: .25em; paint-order: stroke;
  stroke-linejoin: round; font-weight: 600 }
.way { fill: none; stroke-width: 1.8px; vector-effect: non-scaling-stroke;
  stroke-linejoin: round }
.legend { white-space: nowrap }
.ramp { display: inline-block; width: 7rem; height: .7rem; border-radius: 3px;
  vertical-align: -.05rem; margin: 0 .2rem; print-color-adjust: exact }
.lanes { background: var(--card); border: 1px solid var(--rule); border-radius: 10px;
  padding: .7rem 1.4rem .4rem 1rem }
.lane { display: grid; grid-template-columns: 12rem minmax(0, 1fr); gap: 0 1rem;
  padding: .35rem 0; align-items: center }
.k { --bar: var(--light) } span.k { display: inline-flex; align-items: center }
@media (prefers-color-scheme: dark) { .k { --bar: var(--dark) } }
@media print { .k { --bar: var(--light) } span.k { display: inline-flex; align-items: center } }
.lane + .lane { border-top: 1px solid var(--rule) }
.lane .name { overflow-wrap: anywhere; line-height: 1.3 }
.lane .name > span:last-child { color: var(--soft) }
.swatch { display: inline-block; flex: none; width: .75rem; height: .75rem; border-radius: 3px;
  background: var(--bar); margin-right: .45rem; vertical-align: -.05rem;
  print-color-adjust: exact }
.plot { position: relative; min-width: 0 } .plot svg { display: block; width: 100% }
.bar { fill: var(--bar) } .area { shape-rendering: crispEdges } a:hover .bar { fill: var(--ink) }
rect.in { fill: var(--in) } rect.out { fill: var(--out) }
.grid, .base { stroke: var(--rule); stroke-width: 1px; vector-effect: non-scaling-stroke }
.base { stroke: var(--soft) }
.key { font-size: .9rem; color: var(--soft) }
.key i { display: inline-block; width: .75rem; height: .75rem; border-radius: 3px;
  margin: 0 .35rem 0 .8rem; vertical-align: -.05rem; print-color-adjust: exact }
.key i:first-child { margin-left: 0 }
.key i.in { background: var(--in) } .key i.out { background: var(--out) }
.ticks { height: 1.4rem } .ticks span { position: absolute; transform: translateX(-50%);
  font-size: .8rem; color: var(--soft); font-variant-numeric: tabular-nums; white-space: nowrap }
.scroll { overflow-x: auto; background: var(--card); border: 1px solid var(--rule);
  border-radius: 10px }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { text-align: left; padding: .45rem .9rem; border-bottom: 1px solid var(--rule);
  vertical-align: middle }
td { overflow-wrap: break-word } td.wide { min-width: 8.5rem }
tbody tr:last-child > * { border-bottom: 0 }
th.shot { padding-left: .7rem }
th { color: var(--soft); font-weight: 600; font-size: .85rem; white-space: nowrap }
tbody th { color: inherit; font-size: inherit; white-space: normal }
.n { text-align: right; white-space: nowrap }
td.shot { width: 6.5rem; padding: .3rem .3rem .3rem .7rem }
td.shot img { display: block; width: auto; height: auto; max-width: 5.5rem; max-height: 5.5rem;
  border-radius: 5px; background: var(--empty) }
tr:target { outline: 3px solid var(--link); outline-offset: -3px }
th [role=button] { cursor: pointer }
th [role=button]:hover { color: var(--ink); text-decoration: underline }
th[aria-sort=ascending] [role=button]::after { content: " \\25B2" }
th[aria-sort=descending] [role=button]::after { content: " \\25BC" }
.filter { display: block; margin: 0 0 .6rem } .filter select { font: inherit; max-width: 100%;
  padding: .2rem .4rem; margin-left: .4rem; border-radius: 6px; border: 1px solid var(--soft);
  background: var(--card); color: var(--ink) }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px }
footer { margin-top: 3rem; color: var(--soft); font-size: .9rem }
@media (max-width: 44rem) {
  main { padding: 1.2rem .8rem 3rem } h1 { font-size: 1.5rem }
  .tiles { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: .6rem }
  .tiles b { font-size: 1.5rem }
  .lanes { padding: .5rem .9rem .3rem } .lane { grid-template-columns: minmax(0, 1fr) }
  .lane .name { padding-bottom: .2rem } .lane.axis .name { display: none }
  .ticks span:nth-child(even) { display: none }
  th, td { padding: .4rem .45rem } th, th.n { white-space: normal }
  td.shot { width: 4.6rem; padding-left: .4rem }
  td.shot img { max-width: 4rem; max-height: 4rem }
}
@media print {
  body { font-size: 11px } main { max-width: none; padding: 0 }
  figure, .lane, tr, .tiles li { break-inside: avoid } h2, h3 { break-after: avoid }
  .scroll { overflow: visible } .filter { display: none } thead { display: table-header-group }
  .bar, rect.in, rect.out { print-color-adjust: exact } td.shot img { max-height: 4rem }
}
"""

# Comfort only: everything is visible without it.
SCRIPT = """
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0], heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    if (!head.textContent || head.className === "shot") return;
    // A real button would not be printed in the head of the table on further pages.
    const button = document.createElement("span");
    button.tabIndex = 0;
    button.setAttribute("role", "button");
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      button.click();
    });
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const key = (row) => row.cells[column].dataset.v ?? row.cells[column].textContent;
      const order = new Intl.Collator(undefined, {numeric: true}).compare;
      const number = (text) => text !== "" && isFinite(text);
      const compare = (a, b) => number(a) && number(b) ? a - b : order(a, b);
      body.append(...[...body.rows].sort((a, b) => (up ? 1 : -1) * compare(key(a), key(b))));
    });
  });
  const names = [...new Set([...body.rows].map((row) => row.dataset.group))].sort();
  if (names.length < 2) continue;
  const label = document.createElement("label"), select = document.createElement("select");
  label.className = "filter";
  select.append(new Option("all", ""), ...names.map((name) => new Option(name, "=" + name)));
  select.addEventListener("change", () => {
    for (const row of body.rows)
      row.hidden = select.value !== "" && "=" + row.dataset.group !== select.value;
  });
  label.append("Show ", select);
  table.parentElement.before(label);
}
"""
