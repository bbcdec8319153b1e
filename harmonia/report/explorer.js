"use strict";
// The table of every question. Data are columns in a JSON text; numbers are base64 of small integers, and are
// decoded when they are first needed. All text of questions and models is set as text, never as markup.
(() => {
  const root = document.getElementById("explorer");
  const NONE = 255, LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  const OUTCOMES = ["kept", "lost", "gained", "never right"];
  const LEVELS = ["known", "conflicting", "uncertain"];
  const get = (name) => root.querySelector(`[name="${name}"]`);
  const make = (tag, text = "", attributes = {}, ...children) => {
    const found = document.createElement(tag);
    if (text !== "") found.textContent = text;
    for (const [name, value] of Object.entries(attributes)) found.setAttribute(name, value);
    found.append(...children);
    return found;
  };
  const bytes = (text) => {
    const found = atob(text), values = new Uint8Array(found.length);
    for (let k = 0; k < found.length; k++) values[k] = found.charCodeAt(k);
    return values;
  };
  const shares = (text) => new Uint16Array(bytes(text).buffer);
  const percent = (share) => `${(100 * share).toFixed(1)} %`;
  const number = (value) => value.toLocaleString("en-GB");

  const start = () => {
    const data = JSON.parse(document.getElementById("explorer-data").textContent);
    const { blocks, models, askings, texts } = data;
    const options = bytes(data.options), answer = bytes(data.answer), level = bytes(data.level);
    const leftOut = bytes(data.leftOut), size = options.length;
    const blockOf = new Uint16Array(size), offset = new Uint32Array(size);
    blocks.forEach((block, number) => {
      for (let i = block.start, at = 0; i < block.start + block.n; at += options[i], i++) {
        blockOf[i] = number;
        offset[i] = at;
      }
    });
    const key = (block, model, asking) => (block * models.length + model) * askings.length + asking;
    const answers = new Map(data.answers.map(([block, model, asking, pred, probs]) => [
      key(block, model, asking), { pred, probs },
    ]));
    const answered = (block, model, asking) => {
      const found = answers.get(key(block, model, asking));
      if (found && typeof found.pred === "string") {
        found.pred = bytes(found.pred);
        found.probs = shares(found.probs);
      }
      return found;
    };
    const probability = (found, i, option) => found.probs[offset[i] + option] / 65535;

    // What the selected model and way of asking give, a value a question.
    const now = {
      beforePred: new Uint8Array(size), afterPred: new Uint8Array(size), outcome: new Uint8Array(size),
      before: new Float32Array(size), after: new Float32Array(size), change: new Float32Array(size),
      lostIn: new Uint16Array(size), askedOf: new Uint16Array(size),
    };
    const beforeAsking = (block, asking) => {
      const same = askings.findIndex((one) => one.form === askings[data.before].form
        && one.readout === askings[asking].readout);
      return same >= 0 && answers.has(key(block, 0, same)) ? same : data.before;
    };
    const fill = (preds, sures, rights, block, found) => {
      for (let k = 0; k < block.n; k++) {
        const i = block.start + k, pred = found ? found.pred[k] : NONE;
        preds[i] = pred;
        sures[i] = pred === NONE ? NaN : probability(found, i, pred);
        rights[i] = pred === NONE ? NaN : probability(found, i, answer[i]);
      }
    };
    const rightBefore = new Float32Array(size), rightAfter = new Float32Array(size);
    const choose = (model, asking) => {
      now.lostIn.fill(0);
      now.askedOf.fill(0);
      blocks.forEach((block, place) => {
        fill(now.beforePred, now.before, rightBefore, block, answered(place, 0, beforeAsking(place, asking)));
        fill(now.afterPred, now.after, rightAfter, block, answered(place, model, asking));
        for (let other = 1; other < models.length; other++) {
          const found = answered(place, other, asking);
          if (!found) continue;
          for (let k = 0; k < block.n; k++) {
            const i = block.start + k;
            if (found.pred[k] === NONE) continue;
            now.askedOf[i]++;
            if (now.beforePred[i] === answer[i] && found.pred[k] !== answer[i]) now.lostIn[i]++;
          }
        }
      });
      for (let i = 0; i < size; i++) {
        const was = now.beforePred[i] === answer[i], is = now.afterPred[i] === answer[i];
        const asked = now.beforePred[i] !== NONE && now.afterPred[i] !== NONE;
        now.outcome[i] = !asked ? NONE : was ? (is ? 0 : 1) : is ? 2 : 3;
        now.change[i] = rightAfter[i] - rightBefore[i];
      }
    };
    const said = (pred) => (pred === NONE ? "" : LETTERS[pred]);
    const rows = Array.from({ length: size }, (_, i) => {
      const { domain, name } = blocks[blockOf[i]];
      return { i, question: texts.question[i], domain, suite: name, level: LEVELS[level[i]] ?? "", right: LETTERS[answer[i]] };
    });
    const compute = () => {
      choose(Number(get("group").value), Number(get("asking").value));
      for (const row of rows) {
        const { i } = row;
        row.before = now.before[i];
        row.after = now.after[i];
        row.change = now.change[i];
        row.outcome = OUTCOMES[now.outcome[i]] ?? "";
        row.lostIn = now.lostIn[i];
      }
    };

    const select = (name, values, first) => {
      for (const [value, text] of values) {
        get(name).append(make("option", text, value === first ? { value, selected: "" } : { value }));
      }
    };
    const all = (values) => [["", "all"], ...[...new Set(values)].map((value) => [value, value])];
    const domains = all(blocks.map((block) => block.domain));
    select("domain", domains, "");
    select("suite", all(blocks.map((block) => block.name)), "");
    select("level", all(LEVELS), "");
    select("outcome", all(OUTCOMES), "");
    select("group", models.map((model, k) => [k, model.name]).slice(models.length > 1 ? 1 : 0), 1);
    select("asking", askings.map((asking, k) => [k, asking.name]), data.after);

    let table, opened = -1;
    const search = texts.question.map((question, i) =>
      `${texts.id[i]}\n${question}\n${texts.choices[i].join("\n")}`.toLowerCase());
    const match = () => {
      const words = get("search").value.toLowerCase().split(/\s+/).filter(Boolean);
      const wanted = Object.fromEntries(["domain", "suite", "level", "outcome"].map((name) => [name, get(name).value]));
      const outcome = OUTCOMES.indexOf(wanted.outcome), sure = LEVELS.indexOf(wanted.level);
      return ({ i }) => {
        const block = blocks[blockOf[i]];
        return (!wanted.domain || block.domain === wanted.domain) && (!wanted.suite || block.name === wanted.suite)
          && (sure < 0 || level[i] === sure) && (outcome < 0 || now.outcome[i] === outcome)
          && words.every((word) => search[i].includes(word));
      };
    };
    const tell = (rows) => {
      const found = [0, 0, 0, 0];
      for (const { i } of rows) if (now.outcome[i] !== NONE) found[now.outcome[i]]++;
      const told = OUTCOMES.map((name, k) => `${number(found[k])} ${name}`);
      const others = rows.length - found.reduce((sum, one) => sum + one);
      if (others) told.push(`${number(others)} asked only before`);
      root.querySelector("output").textContent = `${number(rows.length)} of ${number(size)} questions`
        + (found.some(Boolean) ? `: ${told.join(", ")}` : "");
    };
    const filter = () => table.setFilter(match());
    const again = () => {
      compute();
      // Cells keep what they showed, so the rows are given anew.
      table.replaceData(rows).then(() => opened >= 0 && open(opened));
    };

    const cell = (text, name = "") => make("span", text, name && { class: name });
    const asked = (field) => (found) => {
      const { i } = found.getData(), pred = now[`${field}Pred`][i];
      if (pred === NONE) return cell("–");
      return cell(`${said(pred)} ${percent(now[field][i])}`, pred === answer[i] ? "right" : "wrong");
    };
    const last = (a, b) => (Number.isNaN(a) ? -Infinity : a) - (Number.isNaN(b) ? -Infinity : b);
    const columns = [
      { title: "Question", field: "question", widthGrow: 4, minWidth: 220, formatter: (found) => {
        const { i } = found.getData();
        const button = make("button", texts.question[i], { type: "button", "data-row": i, tabindex: -1 });
        button.addEventListener("click", () => open(i, true));
        return button;
      } },
      { title: "Domain", field: "domain", width: 105, visible: domains.length > 2 },
      { title: "Suite", field: "suite", width: 120 },
      { title: "Level", field: "level", width: 100 },
      { title: "Right", field: "right", width: 84 },
      { title: "Before", field: "before", width: 100, formatter: asked("before"), sorter: last },
      { title: "After", field: "after", width: 100, formatter: asked("after"), sorter: last },
      { title: "Change", field: "change", width: 108, sorter: last, formatter: (found) => {
        const value = found.getValue();
        const shown = Math.abs(100 * value).toFixed(1);
        return cell(Number.isNaN(value) ? "–" : `${shown === "0.0" ? "" : value < 0 ? "−" : "+"}${shown}`);
      } },
      { title: "Outcome", field: "outcome", width: 125, formatter: (found) =>
        (found.getValue() ? cell(found.getValue(), `outcome ${found.getValue().split(" ")[0]}`) : cell("–")) },
      { title: "Lost in", field: "lostIn", width: 95, formatter: (found) =>
        cell(now.askedOf[found.getData().i] ? `${found.getValue()} of ${now.askedOf[found.getData().i]}` : "–") },
    ];
    for (const column of columns) {
      column.formatter ??= (found) => cell(String(found.getValue()));
      column.headerSortStartingDir = ["before", "after", "lostIn"].includes(column.field) ? "desc" : "asc";
    }

    compute();
    table = new Tabulator(root.querySelector(".questions"), {
      data: rows, columns, height: "30rem", layout: "fitColumns", placeholder: "No question matches.",
      columnDefaults: { headerTooltip: false, resizable: false }, rowHeight: 34,
    });
    table.on("dataFiltered", (_, found) => tell(found.map((row) => row.getData())));
    table.on("tableBuilt", () => {
      const holder = root.querySelector(".tabulator-tableholder");
      // What scrolls takes the focus, and stands between the grid and its rows: it must have a grid's role itself.
      table.element.removeAttribute("aria-owns");
      holder.setAttribute("role", "rowgroup");
      new MutationObserver(refocus).observe(root.querySelector(".tabulator-table"), { childList: true });
      root.querySelector(".tabulator-table").setAttribute("role", "presentation");
      for (const head of root.querySelectorAll(".tabulator-col")) {
        head.tabIndex = 0;
        head.addEventListener("keydown", (event) => {
          if (event.key !== "Enter" && event.key !== " ") return;
          event.preventDefault();
          head.click();
        });
      }
      filter();
      root.dataset.ready = "yes";
    });

    // A bar for each option of each model that was asked.
    const distribution = (i, name, found, chosen) => {
      const line = make("tr", "", chosen ? { class: "chosen" } : {}, make("th", name, { scope: "row" }));
      const pred = found.pred[i - blocks[blockOf[i]].start];
      if (pred === NONE) return null;
      for (let option = 0; option < options[i]; option++) {
        const share = probability(found, i, option);
        const bar = make("span", "", { class: "bar", "aria-hidden": "true" });
        bar.style.inlineSize = `${100 * share}%`;
        const kind = option === answer[i] ? "right" : option === pred ? "wrong" : "other";
        line.append(make("td", "", { class: kind }, make("span", percent(share)), bar));
      }
      return line;
    };
    const distributions = (i, asking) => {
      const place = blockOf[i], head = make("tr", "", {}, make("th", "Model", { scope: "col" }));
      for (let option = 0; option < options[i]; option++)
        head.append(make("th", `${LETTERS[option]}${option === answer[i] ? " ✓" : ""}`, { scope: "col" }));
      const body = make("tbody");
      const add = (model, way, when) => {
        const found = answered(place, model, way);
        const chosen = model > 0 && model === Number(get("group").value);
        const name = `${models[model].name}, ${askings[way].name}${chosen ? " (after)" : when}`;
        const line = found && distribution(i, name, found, chosen);
        if (line) body.append(line);
      };
      const before = beforeAsking(place, asking);
      add(0, before, " (before)");
      if (before !== asking) add(0, asking, "");
      for (let model = 1; model < models.length; model++) add(model, asking, "");
      const caption = make("caption", "Probability of each option");
      return make("table", "", {}, caption, make("thead", "", {}, head), body);
    };
    const trained = (i) => {
      const found = data.training.filter((one) => one[1] === i);
      if (!found.length) return [];
      const list = make("ul");
      for (const [model, , target, user, assistant, share] of found) {
        const after = share === null ? "" : `; after tuning it gives this option ${percent(share)}`;
        const taught = target === null ? "" : `was taught ${LETTERS[target]}${target === answer[i] ? ", the right option" : ", a wrong option"}`;
        list.append(make("li", "", {}, make("p", `${models[model].name} ${taught}${after}.`), make("details", "", {},
          make("summary", "Training row"), make("pre", `${data.said[user]}\n\n→ ${data.said[assistant]}`, { tabindex: 0 }))));
      }
      return [make("h4", "Trained on"), list];
    };
    const prompts = (i) => data.prompts.filter((one) => one.block === blockOf[i]).map((one) => {
      const pattern = one.patterns[one.which[i - blocks[one.block].start]];
      // Parts are text, or the place of the question (-1) or of an option.
      const text = pattern.map((part) => (typeof part === "string" ? part
        : part < 0 ? texts.question[i] : texts.choices[i][part])).join("");
      return make("details", "", {}, make("summary", `Prompt: ${askings[one.asking].name}`), make("pre", text, { tabindex: 0 }));
    });
    const panel = root.querySelector(".opened");
    const open = (i, focus = false) => {
      opened = i;
      const block = blocks[blockOf[i]], close = make("button", "Close", { type: "button" });
      close.addEventListener("click", shut);
      const list = make("ol", "", { type: "A" });
      texts.choices[i].forEach((choice, k) => list.append(make("li", `${choice}${k === answer[i] ? " ✓" : ""}`)));
      const facts = [texts.id[i], block.domain, block.name, LEVELS[level[i]] && `level of the base model: ${LEVELS[level[i]]}`,
        leftOut[i] ? "left out of all scores" : ""].filter(Boolean);
      panel.replaceChildren(close, make("h3", texts.question[i]), make("p", facts.join(" · "), { class: "note" }), list,
        ...(texts.explanation[i] ? [make("p", `Explanation: ${texts.explanation[i]}`)] : []),
        make("div", "", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Probabilities" },
          distributions(i, Number(get("asking").value))),
        ...trained(i), ...prompts(i), ...(data.promptless ? [make("p", data.promptless, { class: "note" })] : []));
      panel.hidden = false;
      if (focus) {
        panel.focus({ preventScroll: true });
        panel.scrollIntoView({ block: "nearest" });
      }
    };
    // The table draws rows anew as it scrolls or changes its size: the one that has the focus gets it back.
    let focused = -1;
    const refocus = () => {
      if (focused >= 0 && document.activeElement === document.body)
        root.querySelector(`[data-row="${focused}"]`)?.focus({ preventScroll: true });
    };
    root.addEventListener("focusin", (event) => { focused = Number(event.target.dataset.row ?? -1); });
    root.addEventListener("focusout", (event) => { if (event.relatedTarget) focused = -1; });
    const focusOn = (row) => table.scrollToRow(row, "nearest", false).then(() => {
      document.activeElement.blur();
      focused = row.getData().i;
      refocus();
    });
    const shut = () => {
      panel.hidden = true;
      const row = table.getRows("active").find((one) => one.getData().i === opened);
      opened = -1;
      if (row) focusOn(row);
      else get("search").focus();
    };
    panel.addEventListener("keydown", (event) => event.key === "Escape" && shut());

    // Tab goes to the table as a whole; within it keys go from question to question, as far as it reaches.
    const STEPS = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity };
    root.querySelector(".questions").addEventListener("keydown", (event) => {
      const step = STEPS[event.key], shown = table.getRows("active");
      if (!step || !shown.length || !event.target.closest(".tabulator-tableholder")) return;
      event.preventDefault();
      const button = event.target.closest("[data-row]");
      const at = button && shown.findIndex((row) => row.getData().i === Number(button.dataset.row));
      focusOn(button ? shown[Math.max(0, Math.min(shown.length - 1, at + step))] : table.getRows("visible")[0]);
    });
    let waiting;
    get("search").addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(filter, 120); });
    for (const name of ["domain", "suite", "level", "outcome"]) get(name).addEventListener("change", filter);
    for (const name of ["group", "asking"]) get(name).addEventListener("change", again);
    root.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
    root.querySelector("form").addEventListener("reset", () => setTimeout(() => { filter(); again(); }));
  };
  const watch = new IntersectionObserver((seen) => {
    if (!seen.some((one) => one.isIntersecting)) return;
    watch.disconnect();
    start();
  }, { rootMargin: "600px" });
  watch.observe(root);
})();
