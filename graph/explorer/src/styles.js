// Lets the editor's libraries style themselves under the policy `default-src 'self'`.
//
// The policy forbids style elements that hold text and style attributes in markup; Monaco writes
// both while it runs. It does not forbid style sheets and declarations made through the object
// model, so both are turned into those. Import this module before any library that needs it.

/** Stands in for a style element: its text goes to a constructed style sheet. */
class AdoptedStyle extends HTMLElement {
  #text = '';
  sheet = new CSSStyleSheet();

  connectedCallback() {
    document.adoptedStyleSheets.push(this.sheet);
  }

  disconnectedCallback() {
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((sheet) => sheet !== this.sheet);
  }

  get textContent() {
    return this.#text;
  }

  set textContent(text) {
    this.#text = text;
    this.sheet.replaceSync(text);
  }

  get innerText() {
    return this.#text;
  }

  set innerText(text) {
    this.textContent = text;
  }

  appendChild(node) {
    this.textContent += node.textContent;
    return node;
  }
}
customElements.define('adopted-style', AdoptedStyle);

const createElement = document.createElement.bind(document);
document.createElement = (name, options) =>
  createElement(name === 'style' ? 'adopted-style' : name, options);

/**
 * Monaco's hook for every piece of markup it writes: style attributes pass as data.
 * Monaco escapes `<` in text, so only its own tags are touched, never what the user typed.
 */
export function createTrustedTypesPolicy(_name, { createHTML, ...others }) {
  const withoutStyles = (html) =>
    html.replace(/<[^>]+>/g, (tag) => tag.replace(' style="', ' data-style="'));
  return { ...others, createHTML: createHTML && ((html) => withoutStyles(createHTML(html))) };
}

function applyStyle(element) {
  // What a library has set on the element in the meantime stands last and wins.
  element.style.cssText = element.dataset.style + element.style.cssText;
  delete element.dataset.style;
}

// Runs before the browser paints what was written.
new MutationObserver((records) => {
  for (const { addedNodes } of records) {
    for (const node of addedNodes) {
      if (!(node instanceof HTMLElement)) continue;
      if (node.dataset.style) applyStyle(node);
      node.querySelectorAll('[data-style]').forEach(applyStyle);
    }
  }
}).observe(document, { childList: true, subtree: true });
