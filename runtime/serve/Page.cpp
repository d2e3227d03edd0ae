//===- Page.cpp - the page that the server shows ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/serve/Page.h"

using namespace fpmoe;

static const char head[] = R"html(<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>fpmoe</title>
<style>
:root { color-scheme: light dark; --edge: #8886; --dim: #888; --back: #fff; --text: #1b1f24;
  --box: #f6f8fa; --accent: #0969da; }
@media (prefers-color-scheme: dark) { :root { --back: #0d1117; --text: #e6edf3; --box: #161b22;
  --accent: #58a6ff; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 72rem; padding: 1rem; background: var(--back);
  color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
header { display: flex; gap: 1rem; align-items: baseline; flex-wrap: wrap; }
h1 { font-size: 1.2rem; margin: 0; }
#about, #state { color: var(--dim); font-size: .9rem; }
#state { min-height: 1.5em; }
#state.bad { color: #d1242f; }
textarea, pre { width: 100%; margin: .5rem 0; padding: .75rem; border: 1px solid var(--edge);
  border-radius: 6px; background: var(--box); color: inherit; tab-size: 4;
  font: 14px/1.45 ui-monospace, monospace; }
textarea { height: 16rem; resize: vertical; }
pre { min-height: 8rem; white-space: pre-wrap; overflow-wrap: anywhere; }
pre .given { color: var(--dim); }
form { display: flex; gap: .75rem 1rem; flex-wrap: wrap; align-items: center; }
label { display: inline-flex; gap: .35rem; align-items: center; }
input, select, button { font: inherit; padding: .25rem .5rem; border: 1px solid var(--edge);
  border-radius: 6px; background: var(--box); color: inherit; }
input[type=number] { width: 5.5rem; }
button { cursor: pointer; }
button.main { background: var(--accent); border-color: var(--accent); color: #fff; }
@media (prefers-color-scheme: dark) { button.main { color: #0d1117; } }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }
#legend span { margin-right: 1rem; }
kbd { border: 1px solid var(--edge); border-radius: 4px; padding: 0 .3rem; font-size: .85em; }
[hidden] { display: none !important; }
</style>
<header><h1 id="name">fpmoe</h1><span id="about"></span></header>
<label for="text">Code. The model goes on at the cursor; text behind it is kept in mind.</label>
<textarea id="text" spellcheck="false" autofocus>fibonacci :: Int -> Integer
</textarea>
<form id="form">
<button class="main" id="go" type="submit">Complete</button>
<button id="stop" type="button" hidden>Stop</button>
<button id="take" type="button" hidden>Insert</button>
<label>Tokens <input id="tokens" type="number" min="1" max="100000" value="64"></label>
<label>Temperature <input id="temperature" type="number" min="0" max="10" step="0.1" value="0"></label>
<label id="languages">Language <select id="language"><option value="">automatic</option></select></label>
<label id="keys" hidden>Key <input id="key" type="password" autocomplete="off"></label>
</form>
<p id="state" role="status" aria-live="polite">Press <kbd>Ctrl</kbd>+<kbd>Enter</kbd> to complete,
<kbd>Esc</kbd> to stop, <kbd>Ctrl</kbd>+<kbd>I</kbd> to insert what was made.</p>
<div id="legend"></div>
<pre id="out" tabindex="0" aria-label="The text with what the model made"></pre>
)html";

static const char script[] = R"html(<script>
'use strict';
const $ = id => document.getElementById(id);
const colours = ['#e5730b', '#5a9e00', '#00a078', '#0a84ff', '#e0218a', '#6f63d9', '#c98500', '#3f8f8f'];
let props = {}, made = '', place = null, control = null;

function say(text, bad) { $('state').textContent = text; $('state').className = bad ? 'bad' : ''; }
function headers() {
  const all = {'Content-Type': 'application/json'};
  if ($('key').value) all.Authorization = 'Bearer ' + $('key').value;
  return all;
}
async function problem(response) {
  if (response.status === 401) { $('keys').hidden = false; $('key').focus(); }
  try { return (await response.json()).error.message; } catch { return 'error ' + response.status; }
}
async function begin() {
  const response = await fetch('/props', {headers: headers()});
  if (!response.ok) return say(await problem(response), true);
  props = await response.json();
  $('name').textContent = props.model_path;
  $('about').textContent = `${props.architecture}, ${props.weights}, ${props.target}, ` +
    `${props.n_ctx} tokens of context` + (props.fill_in ? ', fills in the middle' : '');
  const names = props.languages.length ? props.languages : props.experts;
  $('languages').hidden = !names.length;
  for (const name of names) $('language').add(new Option(name, name));
  for (const [i, name] of props.experts.entries()) {
    const mark = document.createElement('span');
    mark.textContent = '\u25a0 ' + name;
    mark.style.color = colours[i % colours.length];
    $('legend').append(mark);
  }
}
function add(text, kind) {
  const span = document.createElement('span');
  span.textContent = text;
  span.className = kind || '';
  return span;
}
async function complete() {
  if (control) return;
  const text = $('text').value, at = $('text').selectionEnd;
  const before = text.slice(0, at), behind = text.slice(at);
  const fills = behind.trim() !== '' && props.fill_in;
  const body = {stream: true, n_predict: +$('tokens').value, temperature: +$('temperature').value,
    language: $('language').value, show_experts: (props.experts || []).length > 0};
  if (fills) { body.input_prefix = before; body.input_suffix = behind; } else body.prompt = before;
  control = new AbortController();
  made = ''; place = at;
  $('stop').hidden = false; $('take').hidden = true;
  const out = $('out'), middle = document.createElement('span'), spans = [];
  out.replaceChildren(add(before, 'given'), middle, add(behind, 'given'));
  say('Reading the text\u2026');
  const start = performance.now();
  let first = 0, count = 0;
  try {
    const response = await fetch(fills ? '/infill' : '/completion',
      {method: 'POST', headers: headers(), body: JSON.stringify(body), signal: control.signal});
    if (!response.ok) throw new Error(await problem(response));
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = '';
    for (;;) {
      const {value, done} = await reader.read();
      if (done) break;
      const lines = (rest + value).split('\n\n');
      rest = lines.pop();
      for (const line of lines) {
        if (!line.startsWith('data: {')) continue;
        const event = JSON.parse(line.slice(6));
        if (event.error) throw new Error(event.error.message);
        if ('expert' in event) {
          const span = spans[event.position - prompt];
          const number = (props.experts || []).indexOf(event.expert);
          if (span && number >= 0) {
            span.style.color = colours[number % colours.length];
            span.title = event.expert;
          }
          continue;
        }
        if (event.stop) continue;
        if (!first) { first = performance.now(); }
        prompt = event.tokens_evaluated;
        for (const _ of event.tokens.slice(1)) spans.push(null);
        const span = add(event.content);
        if (event.tokens.length) { spans.push(span); ++count; }
        middle.append(span);
        made += event.content;
        say(`${count} tokens`);
      }
    }
    const seconds = (performance.now() - first) / 1000;
    say(count ? `${count} tokens, the first after ${Math.round(first - start)} ms` +
      (count > 1 ? `, then ${((count - 1) / seconds).toFixed(1)} a second` : '') : 'Nothing follows.');
  } catch (error) {
    if (error.name === 'AbortError') say(`Stopped after ${count} tokens.`); else say(error.message, true);
  }
  control = null;
  $('stop').hidden = true; $('take').hidden = !made;
}
let prompt = 0;
function stop() { if (control) control.abort(); }
function take() {
  if (!made || control) return;
  $('text').setRangeText(made, place, place, 'end');
  made = ''; $('take').hidden = true; $('text').focus();
}
$('form').addEventListener('submit', event => { event.preventDefault(); complete(); });
$('stop').addEventListener('click', stop);
$('take').addEventListener('click', take);
$('key').addEventListener('change', begin);
document.addEventListener('keydown', event => {
  if (event.key === 'Escape') stop();
  if (event.ctrlKey && event.key === 'Enter') { event.preventDefault(); complete(); }
  if (event.ctrlKey && event.key === 'i') { event.preventDefault(); take(); }
});
begin();
</script>
)html";

std::string fpmoe::pageText() { return std::string(head) + script; }
