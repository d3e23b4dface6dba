"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const place = (id) => document.getElementById(id);
  const colourOf = {};
  for (const family of data.families) for (const loss of family.losses) colourOf[loss] = family.colour;
  const colours = new Set(data.families.map((family) => family.colour));

  let sheet = null; // what is shown
  let pinned = null; // what was clicked: {kind, name}
  const buttons = new Map(); // by loss

  const make = (tag, text, parent, className) => {
    const element = document.createElement(tag);
    if (text !== undefined) element.textContent = text;
    if (className) element.className = className;
    if (parent) parent.append(element);
    return element;
  };

  // What lights up: by id of an arrow, the losses whose gradient is meant.
  const flowOf = (focus) => {
    const lit = new Map();
    const add = (arrow, losses) => lit.set(arrow, new Set([...(lit.get(arrow) || []), ...losses]));
    if (focus.kind === "losses") {
      sheet.arrows.forEach((arrow, number) => {
        const losses = arrow.losses.filter((loss) => focus.names.includes(loss));
        if (losses.length) add(number, losses);
      });
      return lit;
    }
    for (const loss of focus.box.losses) { // from the module on, along its gradient, to the loss
      const seen = new Set([focus.box.id]);
      const queue = [focus.box.id];
      while (queue.length) {
        const from = queue.shift();
        sheet.arrows.forEach((arrow, number) => {
          if (arrow.source !== from || !arrow.losses.includes(loss)) return;
          add(number, [loss]);
          if (!seen.has(arrow.sink)) { seen.add(arrow.sink); queue.push(arrow.sink); }
        });
      }
    }
    return lit;
  };

  const show = (focus) => {
    const svg = place("sheet").querySelector("svg");
    svg.querySelectorAll(".on,.off").forEach((element) => element.classList.remove("on", "off"));
    svg.classList.toggle("lit", Boolean(focus));
    for (const [loss, button] of buttons) {
      button.setAttribute("aria-pressed", String(Boolean(focus) && focus.kind === "losses" && focus.names.includes(loss)));
    }
    tell(focus);
    if (!focus) return;
    const light = (id) => { const element = svg.getElementById(id); if (element) element.classList.add("on"); };
    if (focus.box) light(focus.box.id);
    for (const box of sheet.boxes) {
      if (focus.kind === "losses" && box.shape === "loss" && box.losses.some((loss) => focus.names.includes(loss))) light(box.id);
    }
    for (const [number, losses] of flowOf(focus)) {
      const arrow = sheet.arrows[number];
      light(arrow.source);
      light(arrow.sink);
      const element = svg.getElementById("arrow" + number);
      element.classList.add("on");
      const meant = new Set([...losses].map((loss) => colourOf[loss]));
      element.querySelectorAll("path,polygon,polyline").forEach((strand) => {
        const colour = strand.getAttribute("stroke");
        if (colours.has(colour) && !meant.has(colour)) strand.classList.add("off");
      });
    }
  };

  const list = (parent, title, items, className) => {
    if (!items.length) return;
    make("h3", title, parent);
    const ul = make("ul", undefined, parent);
    for (const item of items) make("li", item, ul, className);
  };

  const tell = (focus) => {
    const facts = place("facts");
    facts.replaceChildren();
    if (!focus) return;
    if (focus.kind === "module") {
      make("h2", focus.box.lines[0], facts);
      for (const line of focus.box.lines.slice(1)) make("p", line, facts, "help");
      list(facts, "updated by", focus.box.losses.length ? focus.box.losses : ["none of these losses"]);
      return;
    }
    for (const loss of focus.names) {
      make("h2", loss, facts);
      const modules = sheet.boxes.filter((box) => box.shape === "module" && box.losses.includes(loss));
      list(facts, "updates", modules.length ? modules.map((box) => box.lines[0]) : ["nothing"]);
      const cuts = sheet.boxes.filter((box) => box.shape === "cut" && box.losses.includes(loss));
      list(facts, "its gradient ends at", cuts.map((box) => box.lines.join("  ")), "cut");
    }
  };

  const same = (one, two) => one && two && one.kind === two.kind && String(one.names || one.box.id) === String(two.names || two.box.id);
  const watch = (element, focus) => {
    element.addEventListener("mouseenter", () => { if (!pinned) show(focus()); });
    element.addEventListener("mouseleave", () => { if (!pinned) show(null); });
    element.addEventListener("click", (event) => {
      event.stopPropagation();
      pinned = same(pinned, focus()) ? null : focus();
      show(pinned);
    });
  };

  const draw = (next) => {
    sheet = next;
    document.title = sheet.title;
    place("sheet").innerHTML = sheet.svg; // made by Graphviz from escaped names
    const svg = place("sheet").querySelector("svg");
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", sheet.title);
    for (const box of sheet.boxes) {
      const element = svg.getElementById(box.id);
      if (box.shape === "module") watch(element, () => ({ kind: "module", box }));
      if (box.shape !== "loss") continue;
      watch(element, () => ({ kind: "losses", names: box.losses }));
      element.querySelectorAll("text").forEach((text) => {
        if (box.losses.includes(text.textContent)) watch(text, () => ({ kind: "losses", names: [text.textContent] }));
      });
    }
    document.querySelectorAll("#gates button").forEach((button) => {
      button.setAttribute("aria-pressed", String(sheet.values[button.dataset.gate] === button.dataset.value));
    });
    if (pinned && pinned.kind === "module") {
      const box = sheet.boxes.find((each) => each.id === pinned.box.id);
      pinned = box ? { kind: "module", box } : null;
    }
    show(pinned);
  };

  const at = (values) => data.sheets.find((each) => Object.keys(values).every((name) => each.values[name] === values[name]));

  if (data.sheets.length > 1) {
    for (const [name, values] of Object.entries(data.gates)) {
      const group = make("span", name, place("gates"));
      for (const value of values) {
        const button = make("button", value, group);
        Object.assign(button.dataset, { gate: name, value });
        button.addEventListener("click", () => draw(at({ ...sheet.values, [name]: value }) || sheet));
      }
    }
  }
  for (const family of data.families) {
    if (!family.losses.length) continue;
    const group = make("div", undefined, place("losses"), "family");
    group.style.setProperty("--light", family.colour);
    group.style.setProperty("--dark", family.dark);
    if (family.title) make("h2", family.title, group);
    for (const loss of family.losses) {
      const button = make("button", loss, group);
      buttons.set(loss, button);
      watch(button, () => ({ kind: "losses", names: [loss] }));
    }
  }
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") { pinned = null; show(null); } });
  place("sheet").addEventListener("click", () => { pinned = null; show(null); });
  draw(data.sheets[0]);
})();
