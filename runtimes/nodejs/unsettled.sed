# For aws-lambda-ric 3.3.0, which answers null where a promise is never settled: its default listener for an empty
# event loop is marked once the handler has given a promise, and unsettled.mjs answers as AWS's runtime does.
/this\._setDefaultExitListener(invokeContext\.invokeId, markCompleted);/a\
          const unanswered = globalThis[Symbol.for("aws.lambda.beforeExit")];
s/if (_isPromise(result)) {/& unanswered.isPromise = true;/
