//! Compares a JSON text with a shape. An error names the place and nothing of the content.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::endpoints::rpc::reply_shape::shape::{Kinds, Shape};

/// A mismatch and its path, the last step first.
#[derive(Default)]
struct Mismatch {
    path: Vec<String>,
    what: &'static str,
}

pub(super) fn check(shape: &Shape, text: &RawValue) -> Result<(), String> {
    let mismatch = RefCell::default();
    let mut deserializer = serde_json::Deserializer::from_str(text.get());
    match (Walk { shape, mismatch: &mismatch }.deserialize(&mut deserializer)) {
        Ok(()) => Ok(()),
        Err(_) => Err(mismatch.into_inner().to_string()),
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.what.is_empty() { "cannot be read" } else { self.what };
        f.write_str("the reply")?;
        self.path.iter().rev().try_for_each(|step| f.write_str(step))?;
        write!(f, " {what}")
    }
}

#[derive(Clone, Copy)]
struct Walk<'s> {
    shape: &'s Shape,
    mismatch: &'s RefCell<Mismatch>,
}

impl<'s> Walk<'s> {
    fn kind<E: Error>(self, kind: Kinds) -> Result<(), E> {
        if self.shape.kinds.has(kind) { Ok(()) } else { Err(self.wrong("is of another type than the contract says")) }
    }

    fn wrong<E: Error>(self, what: &'static str) -> E {
        self.mismatch.borrow_mut().what = what;
        E::custom(what)
    }

    /// Descends one step. A failure there adds the step to the path.
    fn step<T, E>(
        self,
        shape: &'s Shape,
        name: impl FnOnce() -> String,
        go: impl FnOnce(Self) -> Result<T, E>,
    ) -> Result<T, E> {
        let outcome = go(Self { shape, mismatch: self.mismatch });
        if outcome.is_err() {
            self.mismatch.borrow_mut().path.push(name());
        }
        outcome
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.shape.kinds == Kinds::ANY && self.shape.fields.is_empty() {
            return deserializer.deserialize_ignored_any(IgnoredAny).map(|_| ());
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of the contract's type")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.kind(Kinds::NULL)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        self.kind(Kinds::BOOLEAN)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        self.kind(Kinds::INTEGER)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        self.kind(Kinds::INTEGER)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        self.kind(if number.fract() == 0.0 { Kinds::INTEGER } else { Kinds::FRACTION })
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        self.kind(Kinds::STRING)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        self.kind(Kinds::ARRAY)?;
        let Some(shape) = &self.shape.items else {
            while items.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(());
        };
        let mut n = 0_usize;
        while self.step(shape, || format!("[{n}]"), |walk| items.next_element_seed(walk))?.is_some() {
            n += 1;
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.kind(Kinds::OBJECT)?;
        let fields = &self.shape.fields;
        let mut seen = 0_u64;
        // Most replies have their fields in this order, so the search starts after the last field found.
        let mut hint = 0;
        while let Some(found) = map.next_key_seed(Name { shape: self.shape, hint })? {
            let Some((n, field)) = found.and_then(|n| Some((n, fields.get(n)?))) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            hint = n + 1;
            seen |= bit(n);
            self.step(&field.shape, || format!(".{}", field.name), |walk| map.next_value_seed(walk))?;
        }
        match fields.iter().enumerate().find(|(n, field)| field.required && seen & bit(*n) == 0) {
            Some((_, missing)) => {
                self.step(self.shape, || format!(".{}", missing.name), |walk| Err(walk.wrong("is missing")))
            }
            None => Ok(()),
        }
    }
}

/// The bit of a field; fields from the 64th on share one.
fn bit(n: usize) -> u64 {
    1 << n.min(63)
}

/// Finds the index of a field by its name.
struct Name<'s> {
    shape: &'s Shape,
    hint: usize,
}

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<usize>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Option<usize>, E> {
        let fields = &self.shape.fields;
        if fields.get(self.hint).is_some_and(|field| field.name == name) {
            return Ok(Some(self.hint));
        }
        Ok(fields.iter().position(|field| field.name == name))
    }
}
