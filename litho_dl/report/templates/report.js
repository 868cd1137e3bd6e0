"use strict";
(() => {
  const root = document.documentElement;
  const boxes = [...document.querySelectorAll("[data-layer]")];
  const openers = [...document.querySelectorAll("button.open")];
  const viewer = document.getElementById("viewer");
  const stage = document.getElementById("stage");

  // Layers: every checkbox of a layer follows the others.
  for (const box of boxes) {
    box.addEventListener("change", () => {
      for (const other of boxes) if (other.dataset.layer === box.dataset.layer) other.checked = box.checked;
      root.classList.toggle(`off-${box.dataset.layer}`, !box.checked);
    });
  }

  // Tables: a click on a heading sorts by it, another the other way round; empty cells stay last.
  const order = (one, other, sign) => {
    if (one === "" || other === "") return (one === "") - (other === "");
    const a = Number(one), b = Number(other);
    return sign * (Number.isNaN(a) || Number.isNaN(b) ? one.localeCompare(other, undefined, {numeric: true}) : a - b);
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, index) => head.querySelector("button").addEventListener("click", () => {
      const rising = head.getAttribute("aria-sort") !== "ascending";
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", rising ? "ascending" : "descending");
      const value = (row) => row.cells[index].dataset.v;
      table.tBodies[0].append(...[...table.tBodies[0].rows].sort((a, b) => order(value(a), value(b), rising ? 1 : -1)));
    }));
  }

  // The viewer: one SVG whose viewBox zooms and moves.
  let shown = -1, home = null, view = null, clip = null;
  const pointers = new Map();
  const aspect = () => stage.clientWidth / Math.max(stage.clientHeight, 1);
  const toUser = (x, y) => {
    const point = new DOMPoint(x, y).matrixTransform(stage.getScreenCTM().inverse());
    return [point.x, point.y];
  };
  const apply = () => {
    stage.setAttribute("viewBox", view.join(" "));
    if (!clip) return;
    const perPixel = 1 / stage.getScreenCTM().a / clip.scale;
    const most = 160 * perPixel, decade = 10 ** Math.floor(Math.log10(most));
    const length = [5, 2, 1].map((step) => step * decade).find((step) => step <= most);
    document.querySelector("#scale i").style.width = `${length / perPixel}px`;
    document.querySelector("#scale b").textContent = `${Number(length.toPrecision(3)).toLocaleString("en")} nm`;
  };
  const fit = () => {
    const [x, y, w, h] = home, wide = Math.max(w, h * aspect()), tall = Math.max(h, w / aspect());
    view = [x - (wide - w) / 2, y - (tall - h) / 2, wide, tall];
    apply();
  };
  const zoom = (factor, at) => {
    const [x, y] = at ?? [view[0] + view[2] / 2, view[1] + view[3] / 2];
    const wide = Math.min(Math.max(view[2] * factor, home[2] / 400), home[2] * 8), by = wide / view[2];
    view = [x - (x - view[0]) * by, y - (y - view[1]) * by, wide, view[3] * by];
    apply();
  };
  const move = (dx, dy) => { view[0] += dx; view[1] += dy; apply(); };

  const show = (index) => {
    shown = (index + openers.length) % openers.length;
    const content = openers[shown].firstElementChild;
    clip = null;
    stage.replaceChildren();
    if (content.matches("svg.clip")) {
      home = content.getAttribute("viewBox").split(" ").map(Number);
      const {name, x, y, scale} = content.dataset;
      clip = {name, x: Number(x), y: Number(y), scale: Number(scale)};
      stage.append(...[...content.children].map((child) => child.cloneNode(true)));
    } else {
      home = [0, 0, content.naturalWidth, content.naturalHeight];
      const image = document.createElementNS(stage.namespaceURI, "image");
      image.setAttribute("href", content.src);
      image.setAttribute("width", home[2]);
      image.setAttribute("height", home[3]);
      if (content.classList.contains("array")) image.setAttribute("transform", `translate(0 ${home[3]}) scale(1 -1)`);
      stage.append(image);
    }
    viewer.classList.toggle("picture", !clip);
    document.getElementById("viewer-title").textContent = clip ? clip.name : content.alt;
    document.getElementById("place").textContent = clip ? "Wheel or pinch to zoom, drag to move" : "";
    if (!viewer.open) viewer.showModal();
    fit();
    stage.focus({preventScroll: true});
  };
  openers.forEach((button, index) => button.addEventListener("click", () => show(index)));
  viewer.addEventListener("close", () => { pointers.clear(); stage.replaceChildren(); openers[shown].focus(); });
  addEventListener("resize", () => viewer.open && fit());

  const acts = {
    previous: () => show(shown - 1), next: () => show(shown + 1),
    out: () => zoom(1.5), in: () => zoom(1 / 1.5), fit, close: () => viewer.close(),
  };
  for (const button of viewer.querySelectorAll("[data-act]")) button.addEventListener("click", acts[button.dataset.act]);
  viewer.addEventListener("keydown", (event) => {
    const step = 0.1 * view[2];
    const keys = {
      "+": acts.in, "=": acts.in, "-": acts.out, "0": fit, PageUp: acts.previous, PageDown: acts.next,
      ArrowLeft: () => move(-step, 0), ArrowRight: () => move(step, 0), ArrowUp: () => move(0, -step), ArrowDown: () => move(0, step),
    };
    if (!(event.key in keys) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    keys[event.key]();
  });
  stage.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(Math.exp(Math.max(-1, Math.min(1, event.deltaY * (event.deltaMode ? 0.05 : 0.002)))), toUser(event.clientX, event.clientY));
  }, {passive: false});
  stage.addEventListener("dblclick", (event) => zoom(0.5, toUser(event.clientX, event.clientY)));
  stage.addEventListener("pointerdown", (event) => {
    stage.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, [event.clientX, event.clientY]);
    stage.classList.add("dragging");
  });
  stage.addEventListener("pointermove", (event) => {
    const now = [event.clientX, event.clientY];
    if (clip) {
      const [x, y] = toUser(...now), nm = (value) => value.toLocaleString("en", {maximumFractionDigits: 1});
      document.getElementById("place").textContent =
        `x ${nm(clip.x + x / clip.scale)}, y ${nm(clip.y + (home[3] - y) / clip.scale)} nm`;
    }
    const before = pointers.get(event.pointerId);
    if (!before) return;
    const others = [...pointers].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
    pointers.set(event.pointerId, now);
    if (others.length) {  // two fingers
      const apart = (point) => Math.hypot(point[0] - others[0][0], point[1] - others[0][1]);
      zoom(apart(before) / Math.max(apart(now), 1), toUser((now[0] + others[0][0]) / 2, (now[1] + others[0][1]) / 2));
    } else {
      const [x0, y0] = toUser(...before), [x1, y1] = toUser(...now);
      move(x0 - x1, y0 - y1);
    }
  });
  for (const type of ["pointerup", "pointercancel"]) stage.addEventListener(type, (event) => {
    pointers.delete(event.pointerId);
    stage.classList.toggle("dragging", pointers.size > 0);
  });

  // A row of the worst sites opens its clip there.
  for (const row of document.querySelectorAll("tr[data-clip]")) {
    const index = openers.findIndex((button) => button.firstElementChild.dataset.name === row.dataset.clip);
    if (index < 0) continue;
    row.classList.add("linked");
    const go = () => {
      show(index);
      const x = (Number(row.dataset.x) - clip.x) * clip.scale, y = home[3] - (Number(row.dataset.y) - clip.y) * clip.scale;
      const wide = 400 * clip.scale, tall = wide / aspect();
      view = [x - wide / 2, y - tall / 2, wide, tall];
      apply();
    };
    const name = row.cells[0], link = document.createElement("button");
    link.type = "button";
    link.className = "link";
    link.textContent = name.textContent;
    name.replaceChildren(link);
    row.addEventListener("click", go);
  }
})();
