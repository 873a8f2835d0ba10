/* cmocka wants it; nothing here jumps. */
