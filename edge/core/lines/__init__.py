"""Lines of modems and sound cards: the dialogue with a modem (ITU-T V.250, V.253, 3GPP TS 27.007), sans-IO."""
