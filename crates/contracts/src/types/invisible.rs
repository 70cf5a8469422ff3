//! Invisible characters: they make two texts differ for a machine but not for a person.

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// Whether a character is invisible: one that joins, separates or reorders its neighbours, or a filler.
pub(crate) fn is_invisible(c: char) -> bool {
    use GeneralCategory::{Format, LineSeparator, ParagraphSeparator};
    matches!(c.general_category(), Format | LineSeparator | ParagraphSeparator) || is_filler(c)
}

/// Whether a character counts as a letter or a mark although it is invisible.
pub(crate) fn is_filler(c: char) -> bool {
    matches!(c, '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{3164}' | '\u{ffa0}')
}
