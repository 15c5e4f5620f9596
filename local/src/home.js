// The inbox beside the form, and a window of its own for the page, so that both can be seen at once.
const form = document.querySelector('form');
const inbox = document.getElementById('inbox');
let shown;

async function look() {
  try {
    const answer = await fetch('/local/inbox', { headers: { accept: 'text/html' } });
    const text = await answer.text();
    // The list is replaced only after a change, so that a code can be selected.
    if (answer.ok && text !== shown) {
      const list = new DOMParser().parseFromString(text, 'text/html').querySelector('ul');
      if (list) inbox.replaceChildren(list);
      shown = text;
    }
  } catch {
    inbox.textContent = 'The server does not answer.';
    shown = undefined;
  }
  setTimeout(look, 1500);
}

form.addEventListener('submit', () => {
  window.open('', form.target, `popup,width=500,height=${Math.min(860, screen.availHeight)},left=${screenX + 20},top=${screenY + 60}`);
});

look();
