// The pieces that everything on the page is made of.

export function el(tag, props = {}, ...inside) {
  const node = Object.assign(document.createElement(tag), props);
  node.append(...inside.filter((one) => one !== null));
  return node;
}

export const button = (text, onclick, look = 'button small') => el('button', { type: 'button', className: look, textContent: text, onclick });
export const link = (text, href, look = 'button small') => el('a', { className: look, href, textContent: text });

// What two texts have to share to say the same, however their signs were made harmless.
export const letters = (text) => text.replace(/[^\p{L}\p{N}]/gu, '');
