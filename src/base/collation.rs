//! The order of texts in a language, as the system's C library has it.
#![allow(unsafe_code)]

use std::cmp::Ordering;
use std::ffi::{CStr, CString, c_char, c_int};
use std::fmt;
use std::sync::Arc;

// SAFETY: this is how the C library declares it; the `libc` crate leaves it out.
unsafe extern "C" {
    fn strcoll_l(one: *const c_char, other: *const c_char, locale: libc::locale_t) -> c_int;
}

/// A locale of the C library's.
struct Locale(libc::locale_t);

// SAFETY: a locale object is not changed after it was made, and the C library reads it from any thread.
unsafe impl Send for Locale {}
// SAFETY: as above.
unsafe impl Sync for Locale {}

impl Drop for Locale {
    fn drop(&mut self) {
        // SAFETY: the object was made by `newlocale`, and nobody else has it any more.
        unsafe { libc::freelocale(self.0) }
    }
}

/// An order of texts.
#[derive(Clone)]
pub struct Collation {
    name: String,
    locale: Arc<Locale>,
}

impl Collation {
    /// The order of the locale called `name`, or of the one that the environment names when that is empty; none when the system knows no such locale.
    pub fn new(name: &str) -> Option<Self> {
        let text = CString::new(name).ok()?;
        // SAFETY: the name ends with a zero byte, and no locale is given to be changed.
        let locale = unsafe { libc::newlocale(libc::LC_COLLATE_MASK, text.as_ptr(), std::ptr::null_mut()) };
        (!locale.is_null()).then(|| Collation {
            name: name.to_owned(),
            locale: Arc::new(Locale(locale)),
        })
    }

    /// The name by which it was asked for.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Which of two texts comes first.
    pub fn compare(&self, one: &CStr, other: &CStr) -> Ordering {
        // SAFETY: both texts end with a zero byte, and the locale lives as long as this.
        unsafe { strcoll_l(one.as_ptr(), other.as_ptr(), self.locale.0) }.cmp(&0)
    }
}

impl Default for Collation {
    fn default() -> Self {
        // An environment that names an unknown locale is as one that names none, as for every program that asks for it in vain.
        Collation::new("")
            .or_else(|| {
                Collation::new("C").map(|plain| Collation {
                    name: String::new(),
                    ..plain
                })
            })
            .expect("every C library has the locale C")
    }
}

impl fmt::Debug for Collation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Collation").field(&self.name).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locale_that_does_not_exist_has_no_order() {
        assert!(Collation::new("xx_NOWHERE").is_none());
        assert!(Collation::new("C\0").is_none());
        assert_eq!(Collation::default().name(), "");
        let plain = Collation::new("C").expect("every C library has it");
        assert_eq!(plain.compare(c"B", c"a"), Ordering::Less);
        assert_eq!(plain.compare(c"b", c"a"), Ordering::Greater);
        assert_eq!(plain.compare(c"a", c"a"), Ordering::Equal);
    }
}
