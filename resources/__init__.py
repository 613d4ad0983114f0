"""HTTP only: say who may enter, parse, call one flow, shape the answer."""
