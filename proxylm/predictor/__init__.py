"""Predict an estimated model's scores from proxy models' scores (ProxyLM, arXiv 2406.09334).

    frames = Frames(settings, setting_scores, features, models)
    for target in targets(frames):
        inputs = build_inputs(frames, target)
        predictor, quality, out_of_fold = fit(inputs)
        forecasts = forecast(predictor, inputs)

It knows no database and no orchestrator.
"""

from proxylm.predictor.inputs import Frames, Inputs, Target, build_inputs, targets
from proxylm.predictor.quality import Quality, assess
from proxylm.predictor.store import Predictor, fingerprint
from proxylm.predictor.train import Fitted, fit, forecast

__all__ = [
    "Fitted",
    "Frames",
    "Inputs",
    "Predictor",
    "Quality",
    "Target",
    "assess",
    "build_inputs",
    "fingerprint",
    "fit",
    "forecast",
    "targets",
]
