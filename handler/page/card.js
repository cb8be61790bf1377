// A card shows one image and what the server says about it.

const decimal = new Intl.NumberFormat("en", { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 });

function percent(score) {
  return score > 0 && score < 0.001 ? `< ${decimal.format(0.001)}` : decimal.format(score);
}

function areClasses(document) {
  return Array.isArray(document) && document.every((each) => typeof each?.label === "string");
}

class Card {
  constructor(file, again) {
    this.file = file;
    this.unknown = false; // whether the browser cannot show it
    this.root = document.getElementById("card").content.firstElementChild.cloneNode(true);
    this.find(".name").textContent = file.name;
    this.find(".error button").addEventListener("click", () => again(this));
    this.find(".heat input").addEventListener("input", () => this.fade());
    const image = this.find("img");
    image.addEventListener("load", () => URL.revokeObjectURL(image.src));
    image.addEventListener("error", () => this.showNoImage());
    image.alt = file.name;
    image.src = URL.createObjectURL(file);
  }

  find(selector) {
    return this.root.querySelector(selector);
  }

  // Shows that the image waits, or is sent now.
  wait(words) {
    this.root.ariaBusy = "true";
    this.find(".error").hidden = true;
    this.find(".waiting").hidden = false;
    this.find(".waiting").textContent = words;
  }

  // Shows the classes; returns them as a sentence.
  show({ document: classes, id, milliseconds }) {
    this.end();
    const time = `${milliseconds < 10 ? milliseconds.toFixed(1) : Math.round(milliseconds)} ms`;
    this.find(".classes").replaceChildren(...classes.map((each) => this.row(each)));
    this.find(".time").textContent = time;
    this.find(".id").textContent = id;
    this.find("dl").hidden = false;
    const named = classes.slice(0, 3).map(({ label, score }) => `${label} ${percent(score)}`);
    return `${this.file.name}: ${named.join("; ") || "no class"}. ${time}.`;
  }

  // Shows what went wrong; returns it as a sentence.
  refuse(refusal) {
    this.end();
    const detail = sentence(refusal.detail) + (refusal.id && refusal.status >= 500 ? ` Request id: ${refusal.id}` : "");
    this.find(".error").hidden = false;
    this.find(".error strong").textContent = sentence(refusal.message);
    this.find(".error p").textContent = detail;
    this.find(".error button").hidden = !refusal.mayPass;
    return `${this.file.name}: ${sentence(refusal.message)} ${detail}`;
  }

  end() {
    this.root.ariaBusy = "false";
    this.find(".waiting").hidden = true;
  }

  row({ class_id: id, label, score }) {
    const row = document.createElement("li");
    const [name, ...others] = label.split(", ");
    const shown = element("div", "class", element("b", "", name));
    if (others.length) {
      shown.firstChild.append(element("small", "", others.join(", ")));
    }
    const fill = element("span", "fill");
    fill.style.width = `${100 * score}%`;
    shown.append(element("span", "score", percent(score)), element("span", "track", fill));
    shown.dataset.id = id;
    row.append(shown);
    return row;
  }

  // Shows what spoke for a class, and lets the reader choose another one; leaves the picture as it is without explanations.
  async showHeatMap(classId) {
    this.asked = classId;
    this.press(classId);
    this.find(".missing").hidden = true;
    try {
      const explanation = this.unknown
        ? await explainAsPicture(this.file, classId ?? Number(this.find(".class").dataset.id))
        : await explain(this.file, classId);
      if (explanation && this.asked === classId) { // the reader may have chosen another one meanwhile
        this.draw(explanation);
      }
    } catch (refusal) {
      if (this.asked === classId) {
        this.showNoHeatMap(refusal);
      }
    }
  }

  draw({ class_id: id, ...explanation }) {
    if (explanation.picture) {
      this.showPicture(explanation.picture);
    } else {
      drawHeatMap(this.find("canvas"), explanation);
      this.fade();
    }
    const label = explanation.label ?? this.find(`.class[data-id="${id}"] b`).firstChild.data;
    this.find(".heat").hidden = false;
    this.find(".heat input").hidden = this.unknown;
    this.find(".heat span").textContent = `What spoke for ${label.split(", ")[0]}`;
    this.drawn = id;
    this.offerClasses();
    this.press(id);
  }

  // Says why there is no new heat map; one that is there stays.
  showNoHeatMap(refusal) {
    if (refusal.mayPass) {
      this.offerClasses();
    }
    this.press(this.drawn);
    const advice = refusal.mayPass ? "Choose a class to try again." : sentence(refusal.detail);
    const text = `No heat map: ${sentence(refusal.message)} ${advice}`;
    this.find(".missing").hidden = false;
    this.find(".missing").textContent = text;
    say(`${this.file.name}: ${text}`);
  }

  offerClasses() {
    this.find(".classes").querySelectorAll("div.class").forEach((row) => this.makeButton(row));
  }

  press(classId) {
    this.find(".classes").querySelectorAll("button.class").forEach((row) => {
      row.ariaPressed = String(Number(row.dataset.id) === classId);
    });
  }

  makeButton(row) {
    const button = element("button", "class", ...row.childNodes);
    button.type = "button";
    button.dataset.id = row.dataset.id;
    button.addEventListener("click", () => this.showHeatMap(Number(row.dataset.id)));
    row.replaceWith(button);
  }

  fade() {
    this.find("canvas").style.opacity = this.find(".heat input").value / 100;
  }

  showNoImage() {
    this.unknown = true;
    this.find(".picture").classList.add("unknown");
    this.find(".picture").textContent = "This browser cannot show the image.";
  }

  // Shows what the server makes of an image that the browser cannot show.
  showPicture(picture) {
    const image = element("img", "");
    image.addEventListener("load", () => URL.revokeObjectURL(image.src));
    image.alt = this.file.name;
    image.src = URL.createObjectURL(picture);
    this.find(".picture").classList.remove("unknown");
    this.find(".picture").replaceChildren(image);
  }
}

function element(name, className, ...children) {
  const created = document.createElement(name);
  created.className = className;
  created.append(...children);
  return created;
}
