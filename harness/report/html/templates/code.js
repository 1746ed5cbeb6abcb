/* Python as coloured text, and two texts as a difference of tokens. */

const KEYWORDS = new Set(("False None True and as assert async await break class continue def del elif else except finally for from " +
  "global if import in is lambda nonlocal not or pass raise return try while with yield match case").split(" "));
const TOKEN = /(#[^\n]*)|((?:[rRbBuUfFtT]{0,2})(?:"""[\s\S]*?(?:"""|$)|'''[\s\S]*?(?:'''|$)|"(?:\\[\s\S]|[^"\\\n])*(?:"|$|(?=\n))|'(?:\\[\s\S]|[^'\\\n])*(?:'|$|(?=\n))))|(\b\d[\w.]*)|([^\W\d]\w*)|(\s+)|([^\s\w])/gu;

/** Nodes of Python source; a piece that is cut off anywhere is coloured as far as it goes. */
function coloured(source) {
  const nodes = [];
  let plain = "";
  const flush = () => { if (plain) nodes.push(plain); plain = ""; };
  for (const [text, comment, string, number, name] of source.matchAll(TOKEN)) {
    const kind = comment ? "c" : string ? "s" : number ? "n" : name && KEYWORDS.has(name) ? "k" : "";
    if (!kind) { plain += text; continue; }
    flush();
    nodes.push(h("span", { class: kind }, text));
  }
  flush();
  return nodes;
}

/** The tokens of `wanted` and `found` in one line: what is missing as <del>, what is too much as <ins>. */
function difference(wanted, found) {
  const [a, b] = [wanted, found].map((text) => text.match(/\w+|\s+|[^\w\s]/gu) || []);
  if (a.length * b.length > 1e6) return wanted === found ? [found] : [h("del", {}, wanted), h("ins", {}, found)];
  const longest = Array.from({ length: a.length + 1 }, () => new Uint32Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      longest[i][j] = a[i] === b[j] ? longest[i + 1][j + 1] + 1 : Math.max(longest[i + 1][j], longest[i][j + 1]);
    }
  }
  const parts = [];
  const add = (tag, text) => {
    if (parts.length && parts[parts.length - 1][0] === tag) parts[parts.length - 1][1] += text;
    else parts.push([tag, text]);
  };
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) { add("", a[i]); i += 1; j += 1; }
    else if (i < a.length && (j === b.length || longest[i + 1][j] >= longest[i][j + 1])) { add("del", a[i]); i += 1; }
    else { add("ins", b[j]); j += 1; }
  }
  return parts.map(([tag, text]) => (tag ? h(tag, {}, text) : text));
}
