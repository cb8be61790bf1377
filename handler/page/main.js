// What the reader does, and the order in which images are sent: one after the other, so that each time is its own.
// Heat maps come once all are classified.

const find = (id) => document.getElementById(id);
const waiting = []; // cards whose image is to be sent
const classified = []; // cards that may get a heat map
let sending = false;
let newest = "photo.jpg";

function add(files) {
  find("nothing").hidden = files.length > 0;
  if (!files.length) {
    say(find("nothing").textContent);
    return;
  }
  document.body.classList.add("begun");
  const cards = Array.from(files, (file) => new Card(file, enqueue));
  find("cards").prepend(...cards.map((card) => card.root));
  cards.forEach(enqueue);
}

function enqueue(card) {
  card.wait("Waiting for its turn …");
  waiting.push(card);
  if (!sending) {
    sendAll();
  }
}

async function sendAll() {
  sending = true;
  while (waiting.length || classified.length) {
    if (waiting.length) {
      await classify(waiting.shift());
    } else {
      await classified.shift().showHeatMap();
    }
  }
  sending = false;
}

async function classify(card) {
  card.wait("Looking at it …");
  newest = card.file.name;
  showProgram();
  try {
    say(card.show(await send(address, card.file, areClasses)));
    classified.push(card);
  } catch (refusal) {
    say(card.refuse(refusal));
    if (refusal.status === 401) {
      askForToken(card);
    }
  }
}

// Reads a sentence to those who do not see the page.
function say(text) {
  find("said").append(element("p", "", text));
  while (find("said").childElementCount > 20) {
    find("said").firstChild.remove();
  }
}

const refused = new Set(); // cards that wait for a token

function askForToken(card) {
  refused.add(card);
  find("token").hidden = false;
  find("secret").focus();
}

find("token").addEventListener("submit", (event) => {
  event.preventDefault();
  token = find("secret").value.trim();
  find("secret").value = "";
  find("token").hidden = true;
  showProgram();
  refused.forEach(enqueue);
  refused.clear();
});

for (const [button, input] of [["choose", "files"], ["photograph", "camera"]]) {
  find(button).addEventListener("click", () => find(input).click());
  find(input).addEventListener("change", () => {
    if (find(input).files.length) {
      add([...find(input).files]);
    }
    find(input).value = ""; // so that the same file can be chosen again
  });
}

find("photograph").hidden = !navigator.maxTouchPoints; // elsewhere, a camera is seldom at hand

document.addEventListener("dragover", (event) => {
  event.preventDefault();
  find("drop").classList.add("over");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) {
    find("drop").classList.remove("over");
  }
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  find("drop").classList.remove("over");
  add([...event.dataTransfer.files]);
});
document.addEventListener("paste", (event) => {
  const { files } = event.clipboardData;
  if (files.length || event.target !== find("secret")) {
    event.preventDefault();
    add([...files]);
  }
});

function showProgram() {
  const language = document.querySelector("input[name=language]:checked").value;
  find("program").textContent = programs[language](newest);
}

document.querySelectorAll("input[name=language]").forEach((each) => each.addEventListener("change", showProgram));
find("copy").addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText(find("program").textContent);
    tell("Copied");
  } catch {
    // Without HTTPS a browser does not let a page write there, except on this machine.
    getSelection().selectAllChildren(find("program"));
    tell("Selected", ": copy it with the keyboard.");
  }
});

// Shows for a while in the button what it has done.
function tell(word, more = "") {
  find("copy").textContent = word;
  say(word + more);
  setTimeout(() => find("copy").replaceChildren("Copy"), 2000);
}

showProgram();
