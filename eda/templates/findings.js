// Filters the findings, shows a page of them, and opens their pictures. Follows picture.js in one module.
const PAGE = 50; // rows
const PRINTED = 200;
const filters = find("filters");
const dialog = find("picture");
const all = FINDINGS.number.map((_, i) => i);
const texts = all.map((i) => ["number", "rule", "message", "split", "image_id", "file_name", "box_id", "related"]
  .map((name) => FINDINGS[name][i]).concat(DATA.rules[FINDINGS.rule[i]].title).join("\n").toLowerCase());
let shown = all; // the findings that pass the filters
let start = 0; // of the page, in `shown`
let open = -1; // the finding in the dialog

const hasPicture = (i) => FINDINGS.images[i].length > 0;
const counted = (n) => n.toLocaleString("en");

// Offers the values that occur, in order of appearance, each with the number of its findings.
function offer(name, values, label = (value) => value) {
  const counts = new Map();
  for (const value of values) if (value !== "") counts.set(value, (counts.get(value) ?? 0) + 1);
  const options = [...counts].map(([value, n]) => element("option", `${label(value)} (${counted(n)})`, {value}));
  filters.elements[name].replaceChildren(element("option", "all", {value: ""}), ...options);
  filters.elements[name].disabled = options.length === 0;
}

function passes(i) {
  const wanted = (name) => filters.elements[name].value;
  return ["severity", "rule", "split"].every((name) => !wanted(name) || FINDINGS[name][i] === wanted(name))
    && (!wanted("class") || FINDINGS.classes[i].includes(Number(wanted("class"))))
    && wanted("text").toLowerCase().split(/\s+/).every((word) => texts[i].includes(word));
}

function row(i) {
  const made = element("tr", "", {id: `finding-${FINDINGS.number[i]}`});
  const cell = (value, kind = "") => made.appendChild(element("td", value, kind ? {class: kind} : {}));
  const number = cell("", "number");
  if (hasPicture(i)) {
    number.append(element("a", FINDINGS.number[i], {href: `#finding-${FINDINGS.number[i]}`}));
    number.firstChild.setAttribute("aria-label", `${FINDINGS.number[i]}, open its picture`);
    made.className = "opens";
    made.addEventListener("click", (event) => {
      if (event.target.closest("a") || String(getSelection())) return;
      show(i);
    });
  } else number.textContent = FINDINGS.number[i];
  cell("").append(element("span", FINDINGS.severity[i], {class: FINDINGS.severity[i]}));
  cell(FINDINGS.rule[i], "plain");
  cell(FINDINGS.message[i], "message");
  cell(FINDINGS.split[i], "plain");
  cell(FINDINGS.image_id[i], "number");
  cell(FINDINGS.file_name[i], "file");
  cell(FINDINGS.box_id[i], "number");
  cell(FINDINGS.related[i]);
  return made;
}

// Not `disabled`: the button that has the focus keeps it, and with it the arrow keys.
function enable(id, enabled) {
  find(id).setAttribute("aria-disabled", String(!enabled));
}

function draw(length = PAGE) {
  find("findings").tBodies[0].replaceChildren(...shown.slice(start, start + length).map(row));
  const pages = Math.ceil(shown.length / PAGE);
  document.querySelector(".pager").hidden = pages < 2;
  find("place").textContent = `page ${counted(1 + start / PAGE)} of ${counted(pages)}`;
  enable("back", start > 0);
  enable("on", start + PAGE < shown.length);
}

function filter() {
  shown = all.filter(passes);
  start = 0;
  find("count").textContent = `${counted(shown.length)} of ${counted(all.length)} findings`;
  draw();
}

function turn(pages) {
  const next = start + pages * PAGE;
  if (next < 0 || next >= shown.length) return;
  start = next;
  draw();
  find("findings").scrollIntoView({block: "nearest"});
}

function clear(rule = "") {
  for (const field of filters.elements) field.value = field.name === "rule" ? rule : "";
  filter();
}

// Draws the page with a finding, without filters if they leave it out.
function turnTo(i) {
  if (!shown.includes(i)) clear();
  start = PAGE * Math.floor(shown.indexOf(i) / PAGE);
  draw();
}

// Opens a finding's picture; previous and next are the rows with one that pass the filters.
function show(i) {
  open = i;
  fill(i);
  const steps = shown.filter(hasPicture);
  const place = steps.indexOf(i);
  find("step").textContent = `${counted(place + 1)} of ${counted(steps.length)}`;
  enable("before", place > 0);
  enable("after", place < steps.length - 1);
  history.replaceState(null, "", `#finding-${FINDINGS.number[i]}`);
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
}

function step(by) {
  const steps = shown.filter(hasPicture);
  const next = steps[steps.indexOf(open) + by];
  if (next !== undefined) show(next);
}

function follow() {
  const [, kind, name] = location.hash.match(/^#(finding|rule)-(.+)$/) ?? [];
  if (kind === "rule" && Object.hasOwn(DATA.rules, name)) {
    clear(name);
    find("findings-title").scrollIntoView();
  } else if (kind === "finding") {
    const i = FINDINGS.number.indexOf(Number(name));
    if (i < 0) return;
    turnTo(i);
    if (hasPicture(i)) show(i);
    else find(`finding-${name}`).scrollIntoView({block: "center"});
  }
}

offer("severity", FINDINGS.severity);
offer("rule", FINDINGS.rule, (rule) => DATA.rules[rule].title);
offer("split", FINDINGS.split);
offer("class", FINDINGS.classes.flat(), (label) => DATA.classes[label]);
find("how").textContent = "Choose a row to see its picture; Escape closes it, the arrow keys go on.";
filters.hidden = false;
filters.addEventListener("input", filter);
filters.addEventListener("submit", (event) => event.preventDefault());
find("clear").addEventListener("click", () => clear());
find("back").addEventListener("click", () => turn(-1));
find("on").addEventListener("click", () => turn(1));
find("before").addEventListener("click", () => step(-1));
find("after").addEventListener("click", () => step(1));
find("close").addEventListener("click", () => dialog.close());
dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
dialog.addEventListener("keydown", (event) => {
  if (event.key === "ArrowLeft") step(-1);
  if (event.key === "ArrowRight") step(1);
});
dialog.addEventListener("close", () => {
  history.replaceState(null, "", location.pathname + location.search);
  turnTo(open);
  find(`finding-${FINDINGS.number[open]}`).querySelector("a").focus();
});
addEventListener("hashchange", follow);
addEventListener("beforeprint", () => draw(PRINTED));
addEventListener("afterprint", () => draw());
filter();
follow();
