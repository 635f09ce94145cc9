// The canvas: draws a frame with its boxes; turns pointers into boxes, taps, zoom and pan.

const COLORS = { tracked: "#3ddc84", uncertain: "#ffb938", lost: "#ff6b61", idle: "#c3ccd5" };
const ACCENT = "#4cc2ff";
const DRAG = { mouse: 4, pen: 6, touch: 10 };  // pixels of the screen that make a drag
const MIN_BOX = 4;  // pixels of the image
const MAX_ZOOM = 16;
const TAP_SHARE = 0.15;  // of the visible image's shorter side: the box around a tap
const MARGIN = 8;  // pixels of the screen around a box that still hit it

export class Stage {
  // on: {box(box, head), tap(box, point, head), pick(id), drawn(frame)}
  constructor(canvas, on) {
    this.canvas = canvas;
    this.on = on;
    this.zoom = 1;
    this.center = null;  // of the view, in pixels of the image; null: of the whole image
    this.pointers = new Map();
    this.frame = null;  // on the screen
    this.newest = null;
    this.paused = false;
    this.held = false;  // until the tracker has answered
    this.selected = null;
    this.pending = null;  // a box or a point that waits for the tracker's answer
    this.context = canvas.getContext("2d");
    new ResizeObserver(() => this.redraw()).observe(canvas);
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    canvas.addEventListener("pointerup", (event) => this.up(event));
    canvas.addEventListener("pointercancel", (event) => this.cancel(event));
    canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  }

  get frozen() {
    return this.paused || this.held || this.pointers.size > 0;
  }

  // Shows a frame, or keeps the one on the screen while that is frozen.
  show(frame) {
    if (this.newest && this.newest !== this.frame) this.newest.bitmap.close();
    this.newest = frame;
    this.redraw();
  }

  redraw() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = 0;
      if (this.newest !== this.frame && (!this.frozen || !this.frame)) {
        if (this.frame?.head.camera !== this.newest.head.camera) this.resetView();
        this.frame?.bitmap.close();
        this.frame = this.newest;
      }
      this.draw();
      if (this.newest && !this.newest.drawn) {
        this.newest.drawn = true;
        this.on.drawn(this.newest);
      }
    });
  }

  setPaused(paused) {
    this.paused = paused;
    this.redraw();
  }

  hold(held) {
    this.held = held;
    this.redraw();
  }

  resetView() {
    this.zoom = 1;
    this.center = null;
    this.redraw();
  }

  // Geometry. Screen: CSS pixels of the canvas. Image: pixels of the full image.

  get scale() {
    const { width, height } = this.frame.head;
    return this.zoom * Math.min(this.canvas.clientWidth / width, this.canvas.clientHeight / height);
  }

  get middle() {
    return this.center ?? { x: this.frame.head.width / 2, y: this.frame.head.height / 2 };
  }

  toImage(point) {
    const { scale, middle } = this;
    return {
      x: (point.x - this.canvas.clientWidth / 2) / scale + middle.x,
      y: (point.y - this.canvas.clientHeight / 2) / scale + middle.y,
    };
  }

  toScreen(point) {
    const { scale, middle } = this;
    return {
      x: (point.x - middle.x) * scale + this.canvas.clientWidth / 2,
      y: (point.y - middle.y) * scale + this.canvas.clientHeight / 2,
    };
  }

  // Moves the image so that one of its points lies at a point of the screen.
  place(image, screen) {
    const { scale } = this;
    const { width, height } = this.frame.head;
    const keep = (value, size, shown) => {  // no empty border while there is image to fill it
      const half = shown / scale / 2;
      return half >= size / 2 ? size / 2 : Math.min(Math.max(value, half), size - half);
    };
    const x = image.x - (screen.x - this.canvas.clientWidth / 2) / scale;
    const y = image.y - (screen.y - this.canvas.clientHeight / 2) / scale;
    this.center = {
      x: keep(x, width, this.canvas.clientWidth),
      y: keep(y, height, this.canvas.clientHeight),
    };
    this.redraw();
  }

  zoomTo(zoom, image, screen) {
    this.zoom = Math.min(Math.max(zoom, 1), MAX_ZOOM);
    this.place(image, screen);
  }

  // Pointers

  at(event) {
    const { left, top } = this.canvas.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  }

  down(event) {
    if (!this.frame) return;
    event.preventDefault();
    this.canvas.setPointerCapture(event.pointerId);
    const point = this.at(event);
    this.pointers.set(event.pointerId, point);
    if (this.pointers.size === 1 && event.button === 0) {
      this.gesture = { kind: "tap", from: point, drag: DRAG[event.pointerType] ?? DRAG.touch };
    } else if (this.pointers.size === 1) {  // another button pans
      this.gesture = { kind: "view", fingers: 1, image: this.toImage(point) };
    } else {
      this.startPinch();
    }
    this.redraw();
  }

  startPinch() {
    const { middle, spread } = this.fingers();
    this.gesture = { kind: "view", fingers: 2, image: this.toImage(middle), spread, zoom: this.zoom };
  }

  fingers() {
    const [a, b] = this.pointers.values();
    if (!b) return { middle: a, spread: 1 };
    return {
      middle: { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 },
      spread: Math.max(Math.hypot(a.x - b.x, a.y - b.y), 1),
    };
  }

  move(event) {
    if (!this.pointers.has(event.pointerId)) return;
    const point = this.at(event);
    this.pointers.set(event.pointerId, point);
    const { gesture } = this;
    if (gesture.kind === "view") {
      const { middle, spread } = this.fingers();
      const zoom = gesture.fingers === 2 ? gesture.zoom * spread / gesture.spread : this.zoom;
      this.zoomTo(zoom, gesture.image, middle);
    } else if (Math.hypot(point.x - gesture.from.x, point.y - gesture.from.y) >= gesture.drag) {
      gesture.kind = "box";
    }
    gesture.to = point;
    this.redraw();
  }

  up(event) {
    if (!this.pointers.delete(event.pointerId)) return;
    const { gesture } = this;
    if (gesture.kind === "box") this.endBox(this.at(event));
    else if (gesture.kind === "tap") this.endTap(gesture.from);
    // A finger that stays after a pinch draws nothing.
    this.gesture = { kind: "view", fingers: 1, image: this.toImage(this.at(event)) };
    const [left] = this.pointers.values();
    if (left) this.gesture.image = this.toImage(left);
    this.redraw();
  }

  cancel(event) {
    this.pointers.delete(event.pointerId);
    this.gesture = null;
    this.pointers.clear();
    this.redraw();
  }

  // Escape: drops the box that is being drawn.
  abandon() {
    if (this.pointers.size) this.cancel({});
  }

  wheel(event) {
    if (!this.frame) return;
    event.preventDefault();
    const point = this.at(event);
    this.zoomTo(this.zoom * Math.exp(-event.deltaY / 400), this.toImage(point), point);
  }

  drawnBox(to) {
    const a = this.inside(this.toImage(this.gesture.from));
    const b = this.inside(this.toImage(to));
    return [Math.min(a.x, b.x), Math.min(a.y, b.y), Math.abs(a.x - b.x), Math.abs(a.y - b.y)];
  }

  inside({ x, y }) {
    const { width, height } = this.frame.head;
    return { x: Math.min(Math.max(x, 0), width), y: Math.min(Math.max(y, 0), height) };
  }

  endBox(to) {
    const box = this.drawnBox(to);
    if (box[2] >= MIN_BOX && box[3] >= MIN_BOX) this.on.box(box, this.frame.head);
  }

  endTap(from) {
    const hit = this.hit(from);
    if (hit) return this.on.pick(hit.id);
    const { width, height } = this.frame.head;
    const point = this.toImage(from);
    if (point.x < 0 || point.y < 0 || point.x > width || point.y > height) return;
    const half = TAP_SHARE * Math.min(width, height) / this.zoom / 2;
    const a = this.inside({ x: point.x - half, y: point.y - half });
    const b = this.inside({ x: point.x + half, y: point.y + half });
    this.on.tap([a.x, a.y, b.x - a.x, b.y - a.y], [point.x, point.y], this.frame.head);
  }

  // The smallest target at a point of the screen.
  hit(point) {
    const targets = this.frame.head.targets.filter(({ box: [x, y, w, h] }) => {
      const a = this.toScreen({ x, y });
      const b = this.toScreen({ x: x + w, y: y + h });
      return point.x > a.x - MARGIN && point.x < b.x + MARGIN
        && point.y > a.y - MARGIN && point.y < b.y + MARGIN;
    });
    return targets.sort((a, b) => a.box[2] * a.box[3] - b.box[2] * b.box[3])[0];
  }

  // Drawing

  draw() {
    const { canvas, context, frame } = this;
    const density = window.devicePixelRatio || 1;
    const width = Math.round(canvas.clientWidth * density);
    const height = Math.round(canvas.clientHeight * density);
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    context.setTransform(density, 0, 0, density, 0, 0);
    context.clearRect(0, 0, canvas.clientWidth, canvas.clientHeight);
    if (!frame) return;
    const corner = this.toScreen({ x: 0, y: 0 });
    context.imageSmoothingEnabled = this.scale < 3;
    context.drawImage(frame.bitmap, corner.x, corner.y,
      frame.head.width * this.scale, frame.head.height * this.scale);
    for (const target of frame.head.targets) this.drawTarget(target);
    if (this.pending?.[2]) this.drawBox(this.pending, "#fff", [6, 6], 2);
    else if (this.pending) this.drawPoint(this.pending);
    if (this.gesture?.kind === "box" && this.pointers.size) {
      this.drawBox(this.drawnBox(this.gesture.to), ACCENT, [], 3);
    }
  }

  drawTarget(target) {
    const selected = target.id === this.selected;
    const color = COLORS[target.state];
    // Not seen: the box is where it was last seen, and must not look like a detection.
    const dash = target.state === "lost" ? [3, 7] : target.state === "uncertain" ? [10, 6] : [];
    this.drawBox(target.box, color, dash, selected ? 4 : 2.5);
    this.drawLabel(target, color, selected);
  }

  drawBox([x, y, w, h], color, dash, width) {
    const { context } = this;
    const a = this.toScreen({ x, y });
    for (const [style, line] of [["#000a", width + 2.5], [color, width]]) {
      context.setLineDash(dash);
      context.strokeStyle = style;
      context.lineWidth = line;
      context.strokeRect(a.x, a.y, w * this.scale, h * this.scale);
    }
    context.setLineDash([]);
  }

  drawPoint([x, y]) {
    const { context } = this;
    const a = this.toScreen({ x, y });
    for (const [style, width] of [["#000a", 4.5], ["#fff", 2]]) {
      context.strokeStyle = style;
      context.lineWidth = width;
      context.beginPath();
      context.arc(a.x, a.y, 12, 0, 2 * Math.PI);
      context.moveTo(a.x - 18, a.y);
      context.lineTo(a.x + 18, a.y);
      context.moveTo(a.x, a.y - 18);
      context.lineTo(a.x, a.y + 18);
      context.stroke();
    }
  }

  drawLabel(target, color, selected) {
    const { context } = this;
    const detail = target.state === "lost" ? `lost ${Math.round(target.unseen)} s`
      : target.state === "idle" ? "…" : `${Math.round(100 * target.score)} %`;
    const text = `${target.id}  ${detail}`;
    context.font = "600 14px system-ui, 'Liberation Sans', sans-serif";
    const width = context.measureText(text).width + 14;
    const a = this.toScreen({ x: target.box[0], y: target.box[1] });
    const left = Math.min(Math.max(a.x - 1, 2), this.canvas.clientWidth - width - 2);
    const top = Math.max(a.y - 27, 2);
    context.fillStyle = selected ? ACCENT : color;
    context.beginPath();
    context.rect(left, top, width, 24);
    context.fill();
    context.fillStyle = "#06120b";
    context.fillText(text, left + 7, top + 17);
  }
}
