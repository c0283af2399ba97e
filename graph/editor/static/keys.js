// Which keys do what in the table: commands on rows, and steps from cell to cell.

const PAGE = 10; // rows that Page Up and Page Down pass
const COMMANDS = {
  'Control+Enter': 'add',
  'Control+Delete': 'delete',
  'Control+Backspace': 'delete',
  'Alt+ArrowUp': 'up',
  'Alt+ArrowDown': 'down',
  'Alt+Enter': 'details',
  'Alt+s': 'suggestions',
  'Alt+r': 'reviews',
};

/** The command of a key, if it has one; Command counts as Control. */
export function commandOf({ key, ctrlKey, metaKey, altKey }) {
  const modifier = ctrlKey || metaKey ? 'Control+' : '';
  return COMMANDS[`${modifier}${altKey ? 'Alt+' : ''}${key}`];
}

/** The cell to which a key leads from another; `command` is whether Control is held. */
export function target(lines, cell, key, command) {
  const line = lines.indexOf(cell.parentElement);
  const column = cell.cellIndex;
  const end = Number.MAX_SAFE_INTEGER;
  const [down, across] = {
    ArrowUp: [line - 1, column],
    ArrowDown: [line + 1, column],
    ArrowLeft: [line, column - 1],
    ArrowRight: [line, column + 1],
    Home: [command ? 0 : line, 0],
    End: [command ? end : line, end],
    PageUp: [line - PAGE, column],
    PageDown: [line + PAGE, column],
  }[key];
  const cells = lines[Math.max(0, Math.min(down, lines.length - 1))].cells;
  return cells[Math.max(0, Math.min(across, cells.length - 1))];
}
