// The editors' colours: Monaco's own for code, the page's accent for everything around it.

import { useGraphiQL, useGraphiQLActions, useMonaco } from '@graphiql/react';
import { useEffect } from 'react';

const light = { accent: '#1f5fbf', ground: '#ffffff', text: '#17202a' };
const dark = { accent: '#7db1ff', ground: '#19212a', text: '#e8edf2' };

function colors({ accent, ground, text }) {
  return {
    'editor.background': '#ffffff00', // the page's own ground shows through
    'editorHoverWidget.background': ground,
    'editorSuggestWidget.background': ground,
    'editorSuggestWidget.highlightForeground': accent,
    'editorSuggestWidget.focusHighlightForeground': accent,
    'editorSuggestWidget.selectedBackground': `${accent}22`,
    'editorSuggestWidget.selectedForeground': text,
    'editorWidget.background': ground,
    'editorWidget.resizeBorder': accent,
    'editorLink.activeForeground': accent,
    'menu.background': ground,
    'menu.selectionBackground': `${accent}22`,
    'menu.selectionForeground': text,
    'quickInput.background': ground,
    'quickInputList.focusBackground': `${accent}22`,
    'quickInputList.focusForeground': text,
    'pickerGroup.foreground': accent,
    'list.hoverBackground': `${accent}15`,
    'list.highlightForeground': accent,
    'list.focusHighlightForeground': accent,
    'scrollbar.shadow': '#ffffff00',
    'textLink.foreground': accent,
    'textLink.activeForeground': accent,
    focusBorder: accent,
  };
}

const argumentColor = (foreground) => [{ token: 'argument.identifier.gql', foreground }];

const EDITORS = ['queryEditor', 'variableEditor', 'headerEditor', 'responseEditor'];
const OPTIONS = {
  fontSize: 14,
  lineHeight: 20,
  scrollbar: { verticalScrollbarSize: 8, horizontalScrollbarSize: 8 },
};

/** Gives the editors our colours, and follows the system's switch between light and dark. */
export function EditorTheme() {
  const monaco = useMonaco((state) => state.monaco);
  const chosen = useGraphiQL((state) => state.theme);
  const editors = useGraphiQL((state) => EDITORS.map((name) => state[name]));
  const { setTheme } = useGraphiQLActions();
  useEffect(() => {
    // These are the names of the two themes that GraphiQL switches between.
    monaco?.editor.defineTheme('graphiql-LIGHT', {
      base: 'vs',
      inherit: true,
      colors: colors(light),
      rules: argumentColor('#6c69ce'),
    });
    monaco?.editor.defineTheme('graphiql-DARK', {
      base: 'vs-dark',
      inherit: true,
      colors: colors(dark),
      rules: argumentColor('#908aff'),
    });
  }, [monaco]);
  useEffect(() => {
    for (const editor of editors) editor?.updateOptions(OPTIONS);
  }, [editors]);
  useEffect(() => {
    const system = matchMedia('(prefers-color-scheme: dark)');
    const follow = () => chosen || setTheme(null);
    system.addEventListener('change', follow);
    return () => system.removeEventListener('change', follow);
  }, [chosen, setTheme]);
  return null;
}
