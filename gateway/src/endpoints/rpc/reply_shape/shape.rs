//! The shape of a JSON value: its kind, and the shapes of its parts.

/// A set of kinds of JSON values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kinds(pub(super) u8);

impl Kinds {
    pub(super) const NULL: Self = Self(1);
    pub(super) const BOOLEAN: Self = Self(2);
    /// A number without a fraction.
    pub(super) const INTEGER: Self = Self(4);
    pub(super) const FRACTION: Self = Self(8);
    pub(super) const STRING: Self = Self(16);
    pub(super) const ARRAY: Self = Self(32);
    pub(super) const OBJECT: Self = Self(64);
    pub(super) const ANY: Self = Self(127);

    pub(super) fn has(self, kind: Self) -> bool {
        self.0 & kind.0 != 0
    }
}

/// The shape of a value.
#[derive(Debug, PartialEq)]
pub(super) struct Shape {
    pub(super) kinds: Kinds,
    /// The documented fields, if it is an object.
    pub(super) fields: Vec<Field>,
    /// The shape of each item, if it is an array.
    pub(super) items: Option<Box<Shape>>,
}

#[derive(Debug, PartialEq)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) required: bool,
    pub(super) shape: Shape,
}

impl Shape {
    /// Any value.
    pub(super) fn anything() -> Self {
        Self { kinds: Kinds::ANY, fields: Vec::new(), items: None }
    }

    /// Any of these shapes. Fields and items are checked only if one of the shapes has them.
    pub(super) fn either(shapes: Vec<Self>) -> Self {
        let kinds = Kinds(shapes.iter().fold(0, |all, shape| all | shape.kinds.0));
        let mut described = shapes.into_iter().filter(|shape| shape.kinds.has(Kinds(Kinds::ARRAY.0 | Kinds::OBJECT.0)));
        match (described.next(), described.next()) {
            (Some(shape), None) => Self { kinds, ..shape },
            _ => Self { kinds, ..Self::anything() },
        }
    }
}
