// The page's content security policy allows no inline styles, and the editor makes some. What is given to the document
// as text is therefore put into it by way of the CSS object model, which the policy does not concern. Imported first.

const sheets = new WeakMap<HTMLStyleElement, CSSStyleSheet>();
const texts = new WeakMap<HTMLStyleElement, string>();

function writeSheet(style: HTMLStyleElement, css: string): void {
  let sheet = sheets.get(style);
  if (!sheet) {
    sheet = new CSSStyleSheet();
    sheets.set(style, sheet);
    document.adoptedStyleSheets.push(sheet);
  }
  texts.set(style, css);
  sheet.replaceSync(css);
}

const text: PropertyDescriptor & ThisType<HTMLStyleElement> = {
  configurable: true,
  get() {
    return texts.get(this) ?? "";
  },
  set(value: string | null) {
    writeSheet(this, value ?? "");
  },
};
for (const name of ["textContent", "innerHTML", "innerText"]) {
  Object.defineProperty(HTMLStyleElement.prototype, name, text);
}
HTMLStyleElement.prototype.appendChild = function <T extends Node>(this: HTMLStyleElement, node: T): T {
  writeSheet(this, (texts.get(this) ?? "") + (node.textContent ?? ""));
  return node;
};

new MutationObserver((records) => {
  for (const node of records.flatMap((record) => [...record.removedNodes])) {
    const sheet = node instanceof HTMLStyleElement && !node.isConnected ? sheets.get(node) : undefined;
    if (sheet) document.adoptedStyleSheets = document.adoptedStyleSheets.filter((each) => each !== sheet);
  }
}).observe(document.head, { childList: true });

const HELD = "data-held-style";
const hold = (html: unknown) =>
  String(html).replace(/<[a-z][^<>]*>/gi, (tag) => tag.replace(/\sstyle=(?=["'])/gi, ` ${HELD}=`));

function release(root: ParentNode | null): void {
  for (const element of root?.querySelectorAll<HTMLElement>(`[${HELD}]`) ?? []) {
    element.style.cssText = element.getAttribute(HELD) ?? "";
    element.removeAttribute(HELD);
  }
}

const own = Object.getOwnPropertyDescriptor(Element.prototype, "innerHTML");
if (!own?.get || !own.set) throw new Error("This browser has no innerHTML to build on.");
const { get, set } = own as Required<PropertyDescriptor>;
Object.defineProperty(Element.prototype, "innerHTML", {
  configurable: true,
  get,
  set(this: Element, html: unknown) {
    set.call(this, hold(html));
    release(this instanceof HTMLTemplateElement ? this.content : this);
  },
});

const insert = Object.getOwnPropertyDescriptor(Element.prototype, "insertAdjacentHTML")
  ?.value as Element["insertAdjacentHTML"];
Element.prototype.insertAdjacentHTML = function (where, html) {
  insert.call(this, where, hold(html));
  release(where === "beforebegin" || where === "afterend" ? this.parentElement : this);
};

const setAttribute = Object.getOwnPropertyDescriptor(Element.prototype, "setAttribute")
  ?.value as Element["setAttribute"];
Element.prototype.setAttribute = function (name, value) {
  if (name.toLowerCase() === "style" && "style" in this) (this as HTMLElement).style.cssText = value;
  else setAttribute.call(this, name, value);
};
