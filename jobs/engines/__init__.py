"""Container engines behind one small protocol, `base.Engine`: one folder per engine."""
