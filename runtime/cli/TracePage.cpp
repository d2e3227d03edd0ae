//===- TracePage.cpp - the web page of trace --------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Text of the model reaches the page as JSON and the document as text nodes
// only, so nothing in it can act as markup. The map of layers is a canvas: a
// page of thousands of tokens has a hundred thousand cells.
//
//===----------------------------------------------------------------------===//

#include "runtime/cli/TracePage.h"

const char fpmoe::tracePageHead[] = R"html(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Which expert took which token</title>
<style>
:root {
  color-scheme: light dark;
  --page: #f6f6f3; --card: #ffffff; --ink: #1d1f24; --soft: #686c75;
  --line: #e3e3de; --empty: #ecece7;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #15171b; --card: #1d2025; --ink: #e8e8e4; --soft: #979ca6;
    --line: #31353c; --empty: #2a2e34;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; padding: 32px 24px 64px; background: var(--page);
  color: var(--ink); font: 15px/1.5 system-ui, sans-serif;
}
main { max-width: 1180px; margin: 0 auto; }
h1 { font-size: 26px; line-height: 1.2; letter-spacing: -0.02em; margin: 0; }
h2 { font-size: 16px; margin: 0; }
p { margin: 4px 0 0; color: var(--soft); }
section {
  background: var(--card); border: 1px solid var(--line);
  border-radius: 12px; padding: 20px 24px; margin-top: 20px;
}
.bar {
  display: flex; height: 12px; border-radius: 6px; overflow: hidden;
  background: var(--empty); gap: 1px;
}
.bar i { display: block; min-width: 1px; }
.bar.dense {
  background: repeating-linear-gradient(-45deg, var(--empty) 0 4px,
    transparent 4px 8px);
}
#overall { height: 20px; border-radius: 10px; margin-top: 16px; }
#experts {
  display: grid; gap: 12px; margin-top: 16px;
  grid-template-columns: repeat(auto-fit, minmax(190px, 1fr));
}
button.expert {
  font: inherit; color: inherit; text-align: left; cursor: pointer;
  background: none; border: 1px solid var(--line); border-radius: 10px;
  padding: 12px 14px;
}
button.expert:hover, button.expert[aria-pressed=true] {
  border-color: var(--soft);
}
button.expert b { display: block; font-size: 26px; line-height: 1.3;
  letter-spacing: -0.02em; font-variant-numeric: tabular-nums; }
button.expert small { display: block; color: var(--soft);
  font-variant-numeric: tabular-nums; }
.dot { display: inline-block; width: 11px; height: 11px; border-radius: 3px;
  margin-right: 8px; }
.head { display: flex; flex-wrap: wrap; gap: 6px 16px; align-items: center;
  justify-content: space-between; margin-bottom: 12px; }
.head label { color: var(--soft); font-size: 14px; }
select { font: inherit; color: var(--ink); background: var(--card);
  border: 1px solid var(--line); border-radius: 6px; padding: 2px 6px; }
pre {
  margin: 0; font: 14px/1.75 ui-monospace, "SF Mono", Menlo, Consolas,
    "DejaVu Sans Mono", monospace;
  white-space: pre-wrap; overflow-wrap: anywhere; tab-size: 4;
  max-height: 75vh; overflow: auto;
}
pre span { border-radius: 3px; padding: 2px 0; }
pre.only span:not(.chosen) { background: none !important;
  box-shadow: none !important; opacity: 0.45; }
pre span.hot { outline: 2px solid var(--ink); outline-offset: 0; }
.cut {
  display: inline-block; font: 600 11px/1 system-ui, sans-serif;
  color: var(--card); background: var(--soft); border-radius: 9px;
  padding: 4px 8px; margin: 0 5px; vertical-align: 1px;
}
#layers {
  display: grid; gap: 5px 12px; align-items: center;
  grid-template-columns: max-content 1fr; font-size: 13px;
  color: var(--soft); font-variant-numeric: tabular-nums;
}
canvas { display: block; width: 100%; cursor: crosshair; }
#tip {
  position: fixed; z-index: 1; display: none; pointer-events: none;
  max-width: 340px; background: var(--ink); color: var(--page);
  border-radius: 8px; padding: 9px 12px; font-size: 13px; line-height: 1.45;
  box-shadow: 0 6px 24px rgba(0, 0, 0, 0.3);
}
#tip code { font: 600 13px ui-monospace, Menlo, Consolas, monospace;
  white-space: pre-wrap; overflow-wrap: anywhere; }
#tip .run { display: flex; flex-wrap: wrap; gap: 2px; margin-top: 6px; }
#tip .run i { width: 9px; height: 9px; border-radius: 2px; }
footer { color: var(--soft); font-size: 13px; margin-top: 20px; }
</style>
</head>
<body>
<main>
<header><h1>Which expert took which token</h1><p id="about"></p></header>
<section>
<div class="head"><h2>Tokens per expert</h2>
<p>by the choice of most layers; click to single one out</p></div>
<div class="bar" id="overall"></div>
<div id="experts"></div>
</section>
<section>
<div class="head"><h2>Text</h2>
<label>coloured by <select id="by"></select></label></div>
<pre id="text"></pre>
</section>
<section>
<div class="head"><h2>Every layer</h2>
<p>a column per token, a row per layer, the first on top</p></div>
<canvas id="map"></canvas>
</section>
<section>
<div class="head"><h2>Shares by layer</h2></div>
<div id="layers"></div>
</section>
<footer id="foot"></footer>
</main>
<div id="tip"></div>
<noscript>This page draws its data with a script.</noscript>
<script type="application/json" id="data">
)html";

const char fpmoe::tracePageTail[] = R"html(</script>
<script>
'use strict';
const data = JSON.parse(document.getElementById('data').textContent);
const {experts, layers, topK, tokens, promptTokens} = data;
const byId = id => document.getElementById(id);
// A token is [id, text, text on its own, main expert, experts of all layers].
const ID = 0, TEXT = 1, ALONE = 2, MAIN = 3, ROUTES = 4;

const palette = [[124, 92, 255], [240, 138, 0], [0, 160, 140], [225, 60, 120],
  [30, 130, 230], [120, 150, 0], [190, 75, 30], [150, 90, 170]];
function colour(expert) {
  if (expert < palette.length) return palette[expert];
  const hue = expert * 137.5, part = shift => Math.round(
    145 + 85 * Math.cos((hue + shift) * Math.PI / 180));
  return [part(0), part(240), part(120)];
}
const rgb = (expert, alpha) =>
  expert < 0 ? 'transparent' : `rgba(${colour(expert).join()},${alpha})`;
const percent = (part, all) =>
  all ? (100 * part / all).toFixed(1) + '%' : '0%';
const plural = (count, what) =>
  count.toLocaleString('en') + ' ' + what + (count === 1 ? '' : 's');

function make(tag, parent, text, className) {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  if (className) node.className = className;
  parent.append(node);
  return node;
}

function countBy(list, pick) {
  const counts = new Array(experts.length).fill(0);
  for (const each of list) {
    const expert = pick(each);
    if (expert >= 0) counts[expert]++;
  }
  return counts;
}

function fillBar(bar, counts) {
  const all = counts.reduce((a, b) => a + b, 0);
  counts.forEach((count, expert) => {
    if (!count) return;
    const part = make('i', bar);
    part.style.flex = count + ' 1 0';
    part.style.background = rgb(expert, 1);
    part.title = experts[expert] + ': ' + percent(count, all);
  });
}

const sparse = [];
for (let layer = 0; layer < layers; layer++)
  if (tokens.some(t => t[ROUTES][layer * topK] >= 0)) sparse.push(layer);

document.title = data.model + ': which expert took which token';
byId('about').textContent = [data.model, data.target,
  plural(promptTokens, 'prompt token') + ' and ' +
    (tokens.length - promptTokens).toLocaleString('en') + ' generated',
  plural(layers, 'layer') + (sparse.length < layers
    ? ' (' + sparse.length + ' with experts)' : ''),
  topK + ' of ' + plural(experts.length, 'expert') + ' per token',
  data.language ? 'forced to ' + data.language : ''
].filter(Boolean).join(' \u00b7 ');
byId('foot').textContent = 'Made by a program of ' + data.compiler + '.';

// Totals.
const main = countBy(tokens, t => t[MAIN]);
const inPrompt = countBy(tokens.slice(0, promptTokens), t => t[MAIN]);
const inNew = countBy(tokens.slice(promptTokens), t => t[MAIN]);
const choices = new Array(experts.length).fill(0);
for (const t of tokens)
  for (const expert of t[ROUTES]) if (expert >= 0) choices[expert]++;
const allChoices = choices.reduce((a, b) => a + b, 0);
fillBar(byId('overall'), main);
let single = -1;
const buttons = experts.map((name, expert) => {
  const button = make('button', byId('experts'), undefined, 'expert');
  const title = make('span', button);
  make('span', title, undefined, 'dot').style.background = rgb(expert, 1);
  title.append(name);
  make('b', button, percent(main[expert], tokens.length));
  make('small', button, plural(main[expert], 'token') + ': ' +
    inPrompt[expert].toLocaleString('en') + ' of the prompt, ' +
    inNew[expert].toLocaleString('en') + ' generated');
  make('small', button,
    percent(choices[expert], allChoices) + ' of the choices in all layers');
  button.setAttribute('aria-pressed', 'false');
  button.addEventListener('click', () => {
    single = single === expert ? -1 : expert;
    buttons.forEach((each, i) => each.setAttribute('aria-pressed', i === single));
    recolour();
    drawMap();
  });
  return button;
});

// Text.
const pre = byId('text');
const spans = tokens.map((t, i) => {
  if (i === promptTokens && i) make('span', pre, 'generated', 'cut');
  const span = make('span', pre, t[TEXT]);
  span.dataset.index = i;
  return span;
});
const by = byId('by');
make('option', by, 'the choice of most layers').value = -1;
for (const layer of sparse) make('option', by, 'layer ' + layer).value = layer;
by.addEventListener('change', recolour);
function recolour() {
  const layer = +by.value;
  pre.classList.toggle('only', single >= 0);
  tokens.forEach((t, i) => {
    const expert = layer < 0 ? t[MAIN] : t[ROUTES][layer * topK];
    spans[i].style.background = rgb(expert, 0.2);
    spans[i].style.boxShadow = 'inset 0 -2px ' + rgb(expert, 0.85);
    spans[i].classList.toggle('chosen', expert === single);
  });
}
recolour();

// The map: blocks of as many columns as fit, under each other.
const canvas = byId('map');
const margin = {left: 30, top: 16, gap: 10};
const cellHeight = layers <= 12 ? 14 : layers <= 32 ? 8 : 5;
let grid = {columns: 1, width: 6};
function drawMap() {
  const style = getComputedStyle(document.documentElement);
  const width = canvas.clientWidth, room = width - margin.left;
  const cellWidth = Math.max(6, Math.min(18, Math.floor(room / tokens.length)));
  const columns = Math.max(1, Math.floor(room / cellWidth));
  const blocks = Math.ceil(tokens.length / columns);
  const blockHeight = margin.top + layers * cellHeight + margin.gap;
  grid = {columns, width: cellWidth, blockHeight};
  const scale = window.devicePixelRatio || 1;
  canvas.width = width * scale;
  canvas.height = blocks * blockHeight * scale;
  canvas.style.height = blocks * blockHeight + 'px';
  const pen = canvas.getContext('2d');
  pen.scale(scale, scale);
  pen.font = '11px system-ui, sans-serif';
  for (let block = 0; block < blocks; block++) {
    const top = block * blockHeight + margin.top;
    pen.fillStyle = style.getPropertyValue('--soft');
    pen.textAlign = 'left';
    pen.fillText((block * columns).toLocaleString('en'), margin.left, top - 5);
    pen.textAlign = 'right';
    const step = Math.max(1, Math.ceil(14 / cellHeight));
    for (let layer = 0; layer < layers; layer += step)
      pen.fillText(layer, margin.left - 7, top + layer * cellHeight + 9);
  }
  const empty = style.getPropertyValue('--empty');
  tokens.forEach((t, i) => {
    const x = margin.left + (i % columns) * cellWidth;
    const top = Math.floor(i / columns) * blockHeight + margin.top;
    for (let layer = 0; layer < layers; layer++)
      for (let k = 0; k < topK; k++) {
        const expert = t[ROUTES][layer * topK + k];
        const dim = single >= 0 && expert !== single;
        pen.fillStyle = expert < 0 ? empty : rgb(expert, dim ? 0.13 : 1);
        pen.fillRect(x + k * (cellWidth - 1) / topK, top + layer * cellHeight,
          (cellWidth - 1) / topK, cellHeight - 1);
      }
  });
  if (promptTokens > 0 && promptTokens < tokens.length) {
    const x = margin.left + (promptTokens % columns) * cellWidth - 1;
    const top = Math.floor(promptTokens / columns) * blockHeight + margin.top;
    pen.fillStyle = style.getPropertyValue('--ink');
    pen.fillRect(x - 0.5, top - 4, 1.5, layers * cellHeight + 6);
  }
}
new ResizeObserver(drawMap).observe(canvas.parentElement);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawMap);

// Shares by layer.
for (let layer = 0; layer < layers; layer++) {
  make('span', byId('layers'), 'layer ' + layer);
  const isSparse = sparse.includes(layer);
  const bar = make('div', byId('layers'), undefined,
    isSparse ? 'bar' : 'bar dense');
  if (!isSparse) { bar.title = 'dense: no experts'; continue; }
  const counts = new Array(experts.length).fill(0);
  for (const t of tokens)
    for (let k = 0; k < topK; k++) {
      const expert = t[ROUTES][layer * topK + k];
      if (expert >= 0) counts[expert]++;
    }
  fillBar(bar, counts);
}

// Details under the pointer.
const tip = byId('tip');
let hot = -1;
function point(index, event, layer) {
  if (hot >= 0) spans[hot].classList.remove('hot');
  hot = index;
  tip.style.display = index < 0 ? 'none' : 'block';
  if (index < 0) return;
  spans[index].classList.add('hot');
  const t = tokens[index];
  tip.textContent = '';
  make('code', tip, JSON.stringify(t[ALONE]));
  make('div', tip, 'token ' + index + ', id ' + t[ID] +
    (index < promptTokens ? ', prompt' : ', generated'));
  if (layer === undefined) {
    make('div', tip, t[MAIN] < 0 ? 'no expert' : experts[t[MAIN]] + ' in ' +
      plural(sparse.filter(l => t[ROUTES].slice(l * topK, l * topK + topK)
        .includes(t[MAIN])).length, 'layer') + ' of ' + sparse.length);
  } else {
    const chosen = t[ROUTES].slice(layer * topK, layer * topK + topK)
      .filter(expert => expert >= 0).map(expert => experts[expert]);
    make('div', tip, 'layer ' + layer + ': ' +
      (chosen.length ? chosen.join(', ') : 'dense'));
  }
  const run = make('div', tip, undefined, 'run');
  for (let l = 0; l < layers; l++)
    make('i', run).style.background = t[ROUTES][l * topK] < 0
      ? 'rgba(128,128,128,0.4)' : rgb(t[ROUTES][l * topK], 1);
  const box = tip.getBoundingClientRect();
  tip.style.left = Math.max(8, Math.min(event.clientX + 14,
    innerWidth - box.width - 8)) + 'px';
  tip.style.top = (event.clientY + 18 + box.height < innerHeight
    ? event.clientY + 18 : event.clientY - box.height - 14) + 'px';
}
pre.addEventListener('mousemove', event => {
  const index = event.target.dataset.index;
  point(index === undefined ? -1 : +index, event);
});
canvas.addEventListener('mousemove', event => {
  const column = Math.floor((event.offsetX - margin.left) / grid.width);
  const block = Math.floor(event.offsetY / grid.blockHeight);
  const layer = Math.floor(
    (event.offsetY - block * grid.blockHeight - margin.top) / cellHeight);
  const index = block * grid.columns + column;
  const inside = column >= 0 && column < grid.columns && layer >= 0 &&
    layer < layers && index < tokens.length;
  point(inside ? index : -1, event, layer);
});
pre.addEventListener('mouseleave', event => point(-1, event));
canvas.addEventListener('mouseleave', event => point(-1, event));
</script>
</body>
</html>
)html";
