"""A small dictionary of phrases in five languages, and what stands in for a translation of everything else."""

from __future__ import annotations

import re

LANGUAGES = {"en": "English", "es": "Spanish", "fr": "French", "de": "German", "sr": "Serbian"}

_ORDER = tuple(LANGUAGES)
_PHRASES: tuple[tuple[str, ...], ...] = (
    ("The house is red.", "La casa es roja.", "La maison est rouge.", "Das Haus ist rot.", "Kuća je crvena."),
    ("Hello", "Hola", "Bonjour", "Hallo", "Zdravo"),
    ("Hello, world!", "¡Hola, mundo!", "Bonjour, le monde !", "Hallo, Welt!", "Zdravo, svete!"),
    ("Hello, {name}!", "¡Hola, {name}!", "Bonjour, {name} !", "Hallo, {name}!", "Zdravo, {name}!"),
    ("Good morning.", "Buenos días.", "Bonjour à tous.", "Guten Morgen.", "Dobro jutro."),
    ("Good night.", "Buenas noches.", "Bonne nuit.", "Gute Nacht.", "Laku noć."),
    ("How are you?", "¿Cómo estás?", "Comment allez-vous ?", "Wie geht es Ihnen?", "Kako ste?"),
    ("Thank you.", "Gracias.", "Merci.", "Danke.", "Hvala."),
    ("Yes", "Sí", "Oui", "Ja", "Da"),
    ("No", "No", "Non", "Nein", "Ne"),
    ("The cat sleeps.", "El gato duerme.", "Le chat dort.", "Die Katze schläft.", "Mačka spava."),
    ("The sky is blue.", "El cielo es azul.", "Le ciel est bleu.", "Der Himmel ist blau.", "Nebo je plavo."),
    ("The book is here.", "El libro está aquí.", "Le livre est ici.", "Das Buch ist hier.", "Knjiga je ovde."),
    ("Where is the station?", "¿Dónde está la estación?", "Où est la gare ?", "Wo ist der Bahnhof?", "Gde je stanica?"),
    ("I learn Spanish.", "Aprendo español.", "J'apprends l'espagnol.", "Ich lerne Spanisch.", "Učim španski."),
    ("The train leaves at eight.", "El tren sale a las ocho.", "Le train part à huit heures.", "Der Zug geht um acht.",
     "Voz polazi u osam."),
    ("%d new messages", "%d mensajes nuevos", "%d nouveaux messages", "%d neue Nachrichten", "%d novih poruka"),
    ("Save changes", "Guardar cambios", "Enregistrer les modifications", "Änderungen speichern", "Sačuvaj izmene"),
    ("Delete file %s?", "¿Eliminar el archivo %s?", "Supprimer le fichier %s ?", "Datei %s löschen?",
     "Obrisati datoteku %s?"),
    ("Read the <b>manual</b>.", "Lee el <b>manual</b>.", "Lisez le <b>manuel</b>.", "Lesen Sie das <b>Handbuch</b>.",
     "Pročitajte <b>uputstvo</b>."),
)  # fmt: skip
_MARKS = {
    "es": ("¿", "¡", " el ", " la ", " los ", " una ", "ñ"),
    "fr": (" le ", " les ", " une ", " est ", "ç", "où"),
    "de": (" der ", " die ", " das ", " und ", " ist ", "ß", "ü"),
    "sr": ("č", "ć", "ž", "š", "đ"),
}
_SENTENCE = re.compile(r"(?<=[.!?])(\s+)")


def _key(text: str) -> str:
    return " ".join(text.split()).casefold()


_BY_KEY: dict[str, tuple[tuple[str, ...], str]] = {
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
