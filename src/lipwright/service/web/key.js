// The API key: in this tab's session, or on this device when the user asked for that.

const NAME = "lipwright-key";

export function currentKey() {
  return sessionStorage.getItem(NAME) ?? localStorage.getItem(NAME) ?? "";
}

export function isRemembered() {
  return localStorage.getItem(NAME) !== null;
}

export function keepKey(key, remember) {
  forgetKey();
  (remember ? localStorage : sessionStorage).setItem(NAME, key);
}

export function forgetKey() {
  sessionStorage.removeItem(NAME);
  localStorage.removeItem(NAME);
}

/** The key with all but its ends hidden. */
export function maskedKey() {
  const key = currentKey();
  return key.length > 12 ? `${key.slice(0, 6)}…${key.slice(-4)}` : "…";
}
