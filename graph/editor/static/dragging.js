// Moving a row by pointer: its ID is taken, and dropped on the row or the heading that it goes behind.

const TYPE = 'application/x-requirement';
const HANDLE = '[data-field="externalId"]';

const idOf = (row) => row.id.replace('row-', '');

/** Let the rows of a table be dragged; `drop(id, behind)` is told the row and what it goes behind. */
export function dragRows(table, drop) {
  let over = null;
  const mark = (row) => {
    over?.classList.remove('below');
    over = row;
    over?.classList.add('below');
  };
  const isOurs = ({ dataTransfer }) => dataTransfer.types.includes(TYPE);

  // Cells are many, and only the one under the pointer has to be draggable.
  table.addEventListener('pointerover', ({ target }) => {
    const handle = target.closest(`.requirement > ${HANDLE}`);
    if (handle) handle.draggable = !handle.classList.contains('editing');
  });
  table.addEventListener('dragstart', ({ target, dataTransfer }) => {
    const row = target.closest?.('.requirement');
    if (!row) return;
    dataTransfer.setData(TYPE, idOf(row));
    dataTransfer.setDragImage(row, 0, 0);
    dataTransfer.effectAllowed = 'move';
  });
  table.addEventListener('dragover', (event) => {
    const row = event.target.closest?.('.requirement, .block');
    if (!row || !isOurs(event)) return;
    event.preventDefault();
    if (row !== over) mark(row);
  });
  table.addEventListener('dragleave', ({ relatedTarget }) => table.contains(relatedTarget) || mark(null));
  table.addEventListener('dragend', () => mark(null));
  table.addEventListener('drop', (event) => {
    const row = event.target.closest?.('.requirement, .block');
    mark(null);
    if (!row || !isOurs(event)) return;
    event.preventDefault();
    const type = row.classList.contains('block') ? 'Block' : 'Requirement';
    drop(event.dataTransfer.getData(TYPE), { type, id: idOf(row) });
  });
}
