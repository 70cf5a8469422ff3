//! Characters that show nothing, by which two texts can differ for a machine and not for a person.

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// Whether a character shows nothing: one that joins, separates or turns what is beside it, or fills a place.
pub(crate) fn is_invisible(c: char) -> bool {
    use GeneralCategory::{Format, LineSeparator, ParagraphSeparator};
    matches!(c.general_category(), Format | LineSeparator | ParagraphSeparator) || is_filler(c)
}

/// Whether a character counts as a letter or a mark, and yet shows nothing.
pub(crate) fn is_filler(c: char) -> bool {
    matches!(c, '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{3164}' | '\u{ffa0}')
}
