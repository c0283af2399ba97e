// Making elements, and keeping them in order without disturbing the one somebody is in.

const HIDDEN = 100; // milliseconds until a page without frames, because it is hidden, goes on

/** A function that acts with the next frame, once however often it is called until then. */
export function onceAFrame(action) {
  let isDue = false;
  const act = () => {
    if (!isDue) return;
    isDue = false;
    action();
  };
  return () => {
    if (isDue) return;
    isDue = true;
    requestAnimationFrame(act);
    setTimeout(act, HIDDEN);
  };
}

/** An element with properties, attributes (`aria-…`, `role`, `data-…`) and children. */
export function make(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in element) element[key] = value;
    else element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

/** Let a parent have exactly these children, moving as few as it can. */
export function place(parent, children) {
  const wanted = new Set(children);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  let next = parent.firstElementChild;
  for (const child of children) {
    if (next && next !== child && next.nextElementSibling === child) {
      next.remove(); // it comes later
      next = child;
    }
    if (next === child) next = next.nextElementSibling;
    else parent.insertBefore(child, next);
  }
}

/** What an element is called, which tells it from others when a part is made again. */
function callOf({ localName, ariaLabel, name, href, textContent }) {
  return [localName, href ?? '', ariaLabel || name || textContent].join('\n');
}

/**
 * Show other parts behind the heading of a drawer. It stays where it was scrolled to, and the focus on
 * what is called the same; where that is gone, the heading has it.
 */
export function renew(drawer, parts) {
  const focused = drawer.contains(document.activeElement) ? document.activeElement : null;
  const alike = () =>
    [...drawer.querySelectorAll(focused.localName)].filter((each) => callOf(each) === callOf(focused));
  const number = focused ? alike().indexOf(focused) : 0;
  const { scrollTop } = drawer;
  place(drawer, [drawer.firstElementChild, ...parts]);
  if (focused && document.activeElement !== focused) {
    const again = focused.isConnected ? focused : (alike()[number] ?? alike().at(-1));
    (again ?? drawer.querySelector('h2')).focus({ preventScroll: true });
    if (again?.localName === 'textarea') again.setSelectionRange(focused.selectionStart, focused.selectionEnd);
  }
  drawer.scrollTop = scrollTop;
}
