// Reports: what forms cannot do by themselves.
