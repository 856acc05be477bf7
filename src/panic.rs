//! What a caught panic said.

use std::any::Any;

/// The first line of the message: with RUST_BACKTRACE set, some libraries' messages go on with a stack trace.
pub(crate) fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.and_then(|text| text.lines().next()).unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use super::message;

    #[test]
    fn the_first_line_is_told_of_every_kind_of_panic() {
        let caught = |panics: fn()| std::panic::catch_unwind(panics).expect_err("a panic");
        assert_eq!(message(&*caught(|| panic!("a text"))), "a text");
        assert_eq!(message(&*caught(|| panic!("a number {}\na trace", 1))), "a number 1");
        assert_eq!(message(&*caught(|| std::panic::panic_any(1))), "no message");
    }
}
