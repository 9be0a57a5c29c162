"""Where pictures come from. Each source is one class that says what it knows; nothing here fetches a picture."""
