"""A small dictionary of phrases in four languages, and what stands in for a translation of everything else."""

from __future__ import annotations

import re

LANGUAGES = {"en": "English", "es": "Spanish", "fr": "French", "de": "German"}

_ORDER = tuple(LANGUAGES)
_PHRASES: tuple[tuple[str, str, str, str], ...] = (
    ("The house is red.", "La casa es roja.", "La maison est rouge.", "Das Haus ist rot."),
    ("Hello", "Hola", "Bonjour", "Hallo"),
    ("Hello, world!", "¡Hola, mundo!", "Bonjour, le monde !", "Hallo, Welt!"),
    ("Hello, {name}!", "¡Hola, {name}!", "Bonjour, {name} !", "Hallo, {name}!"),
    ("Good morning.", "Buenos días.", "Bonjour à tous.", "Guten Morgen."),
    ("Good night.", "Buenas noches.", "Bonne nuit.", "Gute Nacht."),
    ("How are you?", "¿Cómo estás?", "Comment allez-vous ?", "Wie geht es Ihnen?"),
    ("Thank you.", "Gracias.", "Merci.", "Danke."),
    ("Yes", "Sí", "Oui", "Ja"),
    ("No", "No", "Non", "Nein"),
    ("The cat sleeps.", "El gato duerme.", "Le chat dort.", "Die Katze schläft."),
    ("The sky is blue.", "El cielo es azul.", "Le ciel est bleu.", "Der Himmel ist blau."),
    ("The book is here.", "El libro está aquí.", "Le livre est ici.", "Das Buch ist hier."),
    ("Where is the station?", "¿Dónde está la estación?", "Où est la gare ?", "Wo ist der Bahnhof?"),
    ("I learn Spanish.", "Aprendo español.", "J'apprends l'espagnol.", "Ich lerne Spanisch."),
    ("The train leaves at eight.", "El tren sale a las ocho.", "Le train part à huit heures.", "Der Zug geht um acht."),
    ("%d new messages", "%d mensajes nuevos", "%d nouveaux messages", "%d neue Nachrichten"),
    ("Save changes", "Guardar cambios", "Enregistrer les modifications", "Änderungen speichern"),
    ("Delete file %s?", "¿Eliminar el archivo %s?", "Supprimer le fichier %s ?", "Datei %s löschen?"),
    ("Read the <b>manual</b>.", "Lee el <b>manual</b>.", "Lisez le <b>manuel</b>.", "Lesen Sie das <b>Handbuch</b>."),
)  # fmt: skip
_MARKS = {
    "es": ("¿", "¡", " el ", " la ", " los ", " una ", "ñ"),
    "fr": (" le ", " les ", " une ", " est ", "ç", "où"),
    "de": (" der ", " die ", " das ", " und ", " ist ", "ß", "ü"),
}
_SENTENCE = re.compile(r"(?<=[.!?])(\s+)")


def _key(text: str) -> str:
    return " ".join(text.split()).casefold()


_BY_KEY: dict[str, tuple[tuple[str, str, str, str], str]] = {
    _key(text): (row, language) for row in reversed(_PHRASES) for language, text in zip(_ORDER, row, strict=True)
}


def base(code: str) -> str:
    """Return the language of a code without its region, in lower case: `EN-GB` is `en`."""
    return code.replace("_", "-").partition("-")[0].lower()


def detect(text: str) -> str:
    """Return the language of `text` as the dictionary or a few telling marks say; `en` where nothing tells."""
    for sentence in (text, _SENTENCE.split(text)[0]):
        if found := _BY_KEY.get(_key(sentence)):
            return found[1]
    padded = f" {text.casefold()} "
    counts = {language: sum(mark in padded for mark in marks) for language, marks in _MARKS.items()}
    best = max(counts, key=lambda language: counts[language])
    return best if counts[best] else "en"


def translate(text: str, target: str, *, source: str = "") -> str:
    """Return the dictionary's translation, sentence by sentence, or `[target] text` with the text untouched.

    Placeholders and markup are kept either way, and so is the space around the text. Without a source the language is
    detected; a text that is already in the target language stays as it is.

    >>> translate("The house is red. Thank you.", "ES")
    'La casa es roja. Gracias.'
    >>> translate("Order {id} is late.", "de")
    '[de] Order {id} is late.'
    """
    language = base(target)
    stripped = text.strip()
    if not stripped or (base(source) or detect(text)) == language:
        return text
    sentences = [stripped] if _key(stripped) in _BY_KEY else _SENTENCE.split(stripped)
    pieces: list[str] = []
    for sentence in sentences:
        found = _BY_KEY.get(_key(sentence)) if sentence.strip() else None
        if (found is None and sentence.strip()) or language not in LANGUAGES:
            return text.replace(stripped, f"[{language}] {stripped}", 1)
        pieces.append(found[0][_ORDER.index(language)] if found else sentence)
    return text.replace(stripped, "".join(pieces), 1)
