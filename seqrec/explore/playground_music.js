import { button, h, hint, integers, labelled, surface } from "./kit.js";
import { begun, playground } from "./playground.js";

const [FRAME, HEAD, FOOT] = [5, 14, 26]; // pixels: the least width of a frame, what is above and below the notes

// One tone: loud at once, then softer, and silent a little before the next.
function sound(audio, pitch, at, seconds) {
  const [tone, gain] = [audio.createOscillator(), audio.createGain()];
  tone.type = "triangle";
  tone.frequency.value = 440 * 2 ** ((pitch - 69) / 12);
  gain.gain.setValueCurveAtTime([0, 0.16, 0.12, 0.09, 0.07, 0], at, seconds);
  tone.connect(gain).connect(audio.destination);
  tone.start(at);
  tone.stop(at + seconds);
  return tone;
}

// A piano roll: what sounds in each frame of time, tinted by its surprisal, and below the surprisal of each frame.
function roll(label, onpick, { frame, el, speed, playing, level }) {
  let [pitches, frames, held, levels, sums, skip, count, at, now, timer, audio] = [[], [], [], [], [], 0, 0, -1, -1, 0];
  let [low, high] = [60, 72];
  const place = (width, height) => {
    const [x, y] = [width / Math.max(count, 1), (height - HEAD - FOOT) / (high - low + 1)];
    return { x, y, top: (pitch) => HEAD + (high - pitch) * y };
  };
  const { canvas, redraw } = surface(
    frame,
    el,
    (context, width, height, colors) => {
      const { x, y, top } = place(width, height);
      const base = height - FOOT;
      Object.assign(context, { strokeStyle: colors.fg, lineWidth: 2 });
      const fills = [0, 40, 75, 100].map((part) => `color-mix(in srgb,${colors.warn} ${part}%,${colors.accent})`);
      for (let pitch = 12 * Math.ceil(low / 12); pitch <= high; pitch += 12) {
        context.fillStyle = colors.soft;
        context.fillRect(0, top(pitch), width, y);
        context.fillStyle = colors.muted;
        context.fillText(`C${pitch / 12 - 1}`, 2, top(pitch));
      }
      const largest = Math.max(6, ...sums);
      sums.forEach((nats, i) => {
        const tall = (Math.max(0, nats) / largest) * (FOOT - 4);
        context.fillRect(i * x, height - tall, Math.max(1, x - 1), tall);
      });
      pitches.forEach((pitch, i) => {
        const note = [0, top(pitch), x - 0.5, Math.max(2, y - 1)];
        const [left, up, wide, tall] = pitch < 0 ? [x - 2, HEAD, 2, base - HEAD] : note;
        context.fillStyle = i < skip ? colors.line : fills[levels[i]];
        if (pitch >= 0) context.fillRect(frames[i] * x, up, wide, tall);
        if (at >= 0 && i === at + skip) context.strokeRect(frames[i] * x + left, up - 1, wide, tall + 2);
      });
      context.fillStyle = colors.fg;
      if (now >= 0) context.fillRect(now * x, 0, 2, height);
    },
    { role: "application", tabindex: 0, "aria-label": `${label}: piano roll` },
  );
  canvas.style.cssText = "height:190px;min-width:100%;cursor:pointer";
  const take = (i) => onpick(Math.max(0, Math.min(pitches.length - skip - 1, i)));
  canvas.addEventListener("keydown", (event) => {
    const steps = { ArrowRight: 1, ArrowLeft: -1, Home: -1e9, End: 1e9 };
    if (!(event.key in steps) || pitches.length === skip) return;
    take(at + steps[event.key]);
    event.preventDefault();
  });
  canvas.addEventListener("click", ({ offsetX, offsetY }) => {
    const { x, y } = place(canvas.clientWidth, canvas.clientHeight);
    const [asked, pitch] = [Math.floor(offsetX / x), high - (offsetY - HEAD) / y];
    const far = pitches.map((one, i) =>
      i < skip || frames[i] !== asked ? Infinity : Math.abs((one < 0 ? low - 4 : one) - pitch),
    );
    const nearest = Math.min(...far);
    if (nearest < Infinity) take(far.indexOf(nearest) - skip);
  });
  const box = h("div", { class: "sq-list", style: "overflow:auto hidden" }, canvas);

  let tones = [];
  function stop() {
    clearInterval(timer);
    for (const tone of tones) tone.stop();
    [timer, tones, now, playing.stop] = [0, [], -1, () => {}];
    toggle.textContent = "Play";
    redraw();
  }
  function play() {
    playing.stop();
    audio ??= new AudioContext();
    audio.resume();
    const [begin, step] = [audio.currentTime + 0.1, 1 / speed.value];
    let next = 0;
    playing.stop = stop;
    toggle.textContent = "Stop";
    timer = setInterval(() => {
      const past = audio.currentTime - begin; // tones are handed over a little ahead
      for (; next < held.length && held[next] * step < past + 0.3; next += 3) {
        const [from, to, pitch] = held.subarray(next);
        tones.push(sound(audio, pitch, begin + from * step, (to - from) * step));
      }
      now = past / step;
      const x = canvas.clientWidth / Math.max(count, 1);
      if (now * x > box.scrollLeft + box.clientWidth - 20) box.scrollLeft = now * x - 20;
      if (now > count) stop();
      redraw();
    }, 40);
  }
  const toggle = button("Play", () => (timer ? stop() : play()), { "aria-label": `Play: ${label}` });
  frame.stop(() => {
    clearInterval(timer);
    audio?.close();
  });
  return {
    element: box,
    tools: [toggle],
    choose(i) {
      at = i;
      redraw();
    },
    fill(run) {
      if (timer) stop();
      [pitches, frames] = [[...integers(run.pitches)], [...integers(run.frames)]];
      [at, skip, count] = [-1, pitches.length - run.nats.length, 1 + Math.max(-1, ...frames)];
      const nats = [...new Array(skip).fill(0), ...run.nats];
      const sounding = pitches.filter((pitch) => pitch >= 0);
      [low, high] = [Math.min(60, ...sounding) - 1, Math.max(71, ...sounding) + 1];
      [held, levels, sums] = [integers(run.held), nats.map(level), new Array(count).fill(0)];
      nats.forEach((one, i) => {
        sums[frames[i]] += one;
      });
      canvas.style.width = `${Math.min(16_000, count * FRAME)}px`;
      toggle.disabled = !held.length;
      redraw();
    },
  };
}

function render(context) {
  const speed = h("input", { type: "range", min: 1, max: 16, value: 4 });
  const more = { speed, playing: { stop() {} } };
  const beginning = (context) => begun(roll, context);
  const legend = () => hint("Blue: likely. Orange: surprising. Grey: the beginning. Bars: the surprisal of each frame.");
  return playground(context, { view: roll, beginning, legend, controls: labelled("Frames a second", speed), more });
}

export default { render };
